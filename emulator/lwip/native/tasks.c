#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include "lwip/sys.h"

#if !NO_SYS

/*
 * The operating system that lwIP requires, on POSIX threads: for programs in which lwIP has a task of its own, as on the
 * chip (NO_SYS=0).
 */

static void* made(size_t bytes)
{
	void* block = calloc(1, bytes);
	if (!block) abort();
	return block;
}

/** The time of the day in so many milliseconds, for a wait with a limit. */
static struct timespec inMs(u32_t ms)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/** Waits for a signal; false: the time is up. 0 ms: without a limit. */
static bool await(pthread_cond_t* signal, pthread_mutex_t* lock, u32_t ms, const struct timespec* until)
{
	if (ms == 0) return pthread_cond_wait(signal, lock) == 0;
	return pthread_cond_timedwait(signal, lock, until) != ETIMEDOUT;
}

/* Locks */

err_t sys_mutex_new(sys_mutex_t* mutex)
{
	*mutex = made(sizeof(pthread_mutex_t));
	pthread_mutex_init(*mutex, NULL);
	return ERR_OK;
}

void sys_mutex_lock(sys_mutex_t* mutex) { pthread_mutex_lock(*mutex); }
void sys_mutex_unlock(sys_mutex_t* mutex) { pthread_mutex_unlock(*mutex); }

void sys_mutex_free(sys_mutex_t* mutex)
{
	pthread_mutex_destroy(*mutex);
	free(*mutex);
}

static pthread_mutex_t protection;

void sys_init(void)
{
	pthread_mutexattr_t kind;
	pthread_mutexattr_init(&kind);
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&protection, &kind);
}

sys_prot_t sys_arch_protect(void) { return pthread_mutex_lock(&protection); }

void sys_arch_unprotect(sys_prot_t before)
{
	LWIP_UNUSED_ARG(before);
	pthread_mutex_unlock(&protection);
}

/* Semaphores */

struct Semaphore {
	pthread_mutex_t lock;
	pthread_cond_t raised;
	unsigned count;
};

err_t sys_sem_new(sys_sem_t* semaphore, u8_t count)
{
	*semaphore = made(sizeof(struct Semaphore));
	pthread_mutex_init(&(*semaphore)->lock, NULL);
	pthread_cond_init(&(*semaphore)->raised, NULL);
	(*semaphore)->count = count;
	return ERR_OK;
}

void sys_sem_signal(sys_sem_t* semaphore)
{
	pthread_mutex_lock(&(*semaphore)->lock);
	(*semaphore)->count++;
	pthread_cond_signal(&(*semaphore)->raised);
	pthread_mutex_unlock(&(*semaphore)->lock);
}

u32_t sys_arch_sem_wait(sys_sem_t* semaphore, u32_t ms)
{
	struct Semaphore* waited = *semaphore;
	struct timespec until = inMs(ms);
	bool there = true;
	pthread_mutex_lock(&waited->lock);
	while (waited->count == 0 && there) there = await(&waited->raised, &waited->lock, ms, &until);
	there = waited->count > 0;
	if (there) waited->count--;
	pthread_mutex_unlock(&waited->lock);
	return there ? 0 : SYS_ARCH_TIMEOUT;
}

void sys_sem_free(sys_sem_t* semaphore)
{
	free(*semaphore);
}

/* Queues of messages */

struct Mailbox {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int room, first, count;
	void* messages[];
};

err_t sys_mbox_new(sys_mbox_t* mailbox, int room)
{
	struct Mailbox* box = made(sizeof(struct Mailbox) + (size_t)room * sizeof(void*));
	pthread_mutex_init(&box->lock, NULL);
	pthread_cond_init(&box->changed, NULL);
	box->room = room;
	*mailbox = box;
	return ERR_OK;
}

static void put(struct Mailbox* box, void* message)
{
	box->messages[(box->first + box->count++) % box->room] = message;
	pthread_cond_broadcast(&box->changed);
}

void sys_mbox_post(sys_mbox_t* mailbox, void* message)
{
	struct Mailbox* box = *mailbox;
	pthread_mutex_lock(&box->lock);
	while (box->count == box->room) pthread_cond_wait(&box->changed, &box->lock);
	put(box, message);
	pthread_mutex_unlock(&box->lock);
}

err_t sys_mbox_trypost(sys_mbox_t* mailbox, void* message)
{
	struct Mailbox* box = *mailbox;
	bool fits;
	pthread_mutex_lock(&box->lock);
	fits = box->count < box->room;
	if (fits) put(box, message);
	pthread_mutex_unlock(&box->lock);
	return fits ? ERR_OK : ERR_MEM;
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t* mailbox, void* message)
{
	return sys_mbox_trypost(mailbox, message);
}

static void* take(struct Mailbox* box)
{
	void* message = box->messages[box->first];
	box->first = (box->first + 1) % box->room;
	box->count--;
	pthread_cond_broadcast(&box->changed);
	return message;
}

u32_t sys_arch_mbox_fetch(sys_mbox_t* mailbox, void** message, u32_t ms)
{
	struct Mailbox* box = *mailbox;
	struct timespec until = inMs(ms);
	void* taken = NULL;
	bool there = true;
	pthread_mutex_lock(&box->lock);
	while (box->count == 0 && there) there = await(&box->changed, &box->lock, ms, &until);
	there = box->count > 0;
	if (there) taken = take(box);
	pthread_mutex_unlock(&box->lock);
	if (message) *message = taken;
	return there ? 0 : SYS_ARCH_TIMEOUT;
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t* mailbox, void** message)
{
	struct Mailbox* box = *mailbox;
	void* taken = NULL;
	bool there;
	pthread_mutex_lock(&box->lock);
	there = box->count > 0;
	if (there) taken = take(box);
	pthread_mutex_unlock(&box->lock);
	if (message) *message = taken;
	return there ? 0 : SYS_MBOX_EMPTY;
}

void sys_mbox_free(sys_mbox_t* mailbox)
{
	free(*mailbox);
}

/* Tasks */

typedef struct {
	lwip_thread_fn run;
	void* context;
} Task;

static void* runTask(void* given)
{
	Task task = *(Task*)given;
	free(given);
	task.run(task.context);
	return NULL;
}

sys_thread_t sys_thread_new(const char* name, lwip_thread_fn run, void* context, int stackBytes, int priority)
{
	pthread_t thread;
	Task* task = made(sizeof(Task));
	LWIP_UNUSED_ARG(name);
	LWIP_UNUSED_ARG(stackBytes);
	LWIP_UNUSED_ARG(priority);
	task->run = run;
	task->context = context;
	if (pthread_create(&thread, NULL, runTask, task)) abort();
	return thread;
}

#endif
