#ifndef MC_XS_H
#define MC_XS_H

/* The names that the firmware's C uses. On the chip the SDK's linker makes them numbers when it builds; here they become numbers at run time. */

#define xsID_address xsID("address")
#define xsID_format xsID("format")
#define xsID_from xsID("from")
#define xsID_keepalive xsID("keepalive")
#define xsID_nodelay xsID("nodelay")
#define xsID_onEnd xsID("onEnd")
#define xsID_onError xsID("onError")
#define xsID_onReadable xsID("onReadable")
#define xsID_onWritable xsID("onWritable")
#define xsID_port xsID("port")
#define xsID_target xsID("target")
#define xsID_timeToLive xsID("timeToLive")

#endif
