#ifndef PROCESSOR_H
#define PROCESSOR_H

/**
 * Board and engine take turns and never work at once: on one processor a turn passes in a third of
 * the time. So both stay where the board's process runs now, until `freeProcessor`. Linux only.
 */
extern void shareProcessor(void);
extern void freeProcessor(void);

#endif
