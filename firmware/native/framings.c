#include <stddef.h>
#include "framing.h"

/* The formats that this program has. A pipe learns them here only. */
const Framing* const FRAMINGS[] = { &CHUNKED, NULL };
