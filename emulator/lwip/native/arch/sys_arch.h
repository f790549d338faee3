#ifndef ARCH_SYS_ARCH_H
#define ARCH_SYS_ARCH_H

#include <pthread.h>

/* lwIP with a task of its own (NO_SYS=0): tasks.c makes its tasks, locks and queues of POSIX threads. */

typedef struct Semaphore* sys_sem_t;
typedef pthread_mutex_t* sys_mutex_t;
typedef struct Mailbox* sys_mbox_t;
typedef pthread_t sys_thread_t;
typedef int sys_prot_t;

#define SYS_MBOX_NULL NULL
#define SYS_SEM_NULL NULL
#define sys_mutex_valid(mutex) (*(mutex) != NULL)
#define sys_mutex_set_invalid(mutex) (*(mutex) = NULL)
#define sys_sem_valid(semaphore) (*(semaphore) != NULL)
#define sys_sem_set_invalid(semaphore) (*(semaphore) = NULL)
#define sys_mbox_valid(mailbox) (*(mailbox) != NULL)
#define sys_mbox_set_invalid(mailbox) (*(mailbox) = NULL)

#endif
