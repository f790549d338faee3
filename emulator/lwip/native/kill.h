#ifndef KILL_H
#define KILL_H

/** Gives up a connection that has sent FIN, as esp-lwip does; false: there is none. In stack.c, for tcp.c. */
extern int killFinWait(void);

#endif
