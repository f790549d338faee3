#ifndef MC_XS_H
#define MC_XS_H

/* The names that the firmware's C uses. On the chip the SDK's linker makes them numbers when it builds; here they become numbers at run time. */

#define xsID_address xsID("address")
#define xsID_buffer xsID("buffer")
#define xsID_byteLength xsID("byteLength")
#define xsID_byteOffset xsID("byteOffset")
#define xsID_bytes xsID("bytes")
#define xsID_columns xsID("columns")
#define xsID_count xsID("count")
#define xsID_format xsID("format")
#define xsID_found xsID("found")
#define xsID_from xsID("from")
#define xsID_fromFraming xsID("fromFraming")
#define xsID_inAny xsID("inAny")
#define xsID_keepalive xsID("keepalive")
#define xsID_next xsID("next")
#define xsID_nodelay xsID("nodelay")
#define xsID_onEnd xsID("onEnd")
#define xsID_onError xsID("onError")
#define xsID_onPiped xsID("onPiped")
#define xsID_onReadable xsID("onReadable")
#define xsID_onWritable xsID("onWritable")
#define xsID_port xsID("port")
#define xsID_search xsID("search")
#define xsID_start xsID("start")
#define xsID_state xsID("state")
#define xsID_target xsID("target")
#define xsID_timeToLive xsID("timeToLive")
#define xsID_toFraming xsID("toFraming")

#endif
