#include "esp_wifi.h"
#include "xsmc.h"
#include "xsHost.h"

/* Keeps the radio awake. ESP-IDF lets it sleep between beacons, which delays received packets by 100 ms and more. */
void xs_link_stay_awake(xsMachine* the)
{
	esp_wifi_set_ps(WIFI_PS_NONE);
}
