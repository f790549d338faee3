#ifndef KILL_H
#define KILL_H

/** Of stack.c, for tcp.c: gives up a connection that has sent FIN, as esp-lwip does; false: there is none. */
extern int killFinWait(void);

#endif
