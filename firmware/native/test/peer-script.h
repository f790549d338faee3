#ifndef PEER_SCRIPT_H
#define PEER_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "segment.h"
#include "sockets.h"

/*
 * A case plays both sides of one copy of lwIP: the application, on the sockets of firmware/native, and the peer, segment
 * by segment. One task, virtual time, no network.
 */

/** Ends the program with the place and the text where the claim is false. */
#define CHECK(claim) checkThat((claim), #claim, __FILE__, __LINE__)
extern void checkThat(bool holds, const char* claim, const char* file, int line);

typedef struct {
	/** The claim that a user can rely on. */
	const char* title;
	/** NULL: the end of a list. */
	void (*play)(void);
} Case;

extern const Case CONNECT_CASES[], RECEIVE_CASES[], ACCEPT_CASES[], NEWS_CASES[], WRITE_CASES[], END_CASES[], MEMORY_CASES[], PIPE_CASES[],
	FRAMING_CASES[], DATAGRAM_CASES[];

enum { CONNECTIONS_MAX = 8, MSS = 1436, WINDOW = 2872 };

#define HELLO "hello"
enum { HELLO_BYTES = 5 };

/** Bytes that each depend on their position; four windows long. */
extern const uint8_t* pattern(void);

extern Sockets* board;

/** Starts lwIP, and the sockets with room for so many connections. */
extern void startBoard(unsigned connectionsMax);
/** Stops the sockets, lets lwIP forget what it remembers, and checks that no block of memory is left. */
extern void stopBoard(void);

/* Time and messages */

/** Lets time pass; lwIP's timers run, the application does not. */
extern void pass(uint32_t ms);
/** As much time as lwIP needs to forget every connection, with peers that say nothing. */
extern void forgetAll(void);
/** Messages that the sockets have posted and the application has not served. */
extern int messages(void);
/** Lets messages be posted, or not. */
extern void takeMessages(bool possible);

/** An owner of a socket: what was reported since the last `reported`. */
typedef struct {
	unsigned events;
} Owner;

/** Serves the message that waits, if one does. */
extern void serve(void);
/** Serves, and returns and forgets what was reported to this owner. */
extern unsigned reported(Owner* owner);

/* The peer */

/** The peer's end of one connection. */
typedef struct {
	uint16_t port;
	uint16_t boardPort;
	uint32_t seq;
	uint32_t ack;
	uint16_t window;
} Peer;

/** Sends a segment to the board. Numbers advance by the bytes, SYN, and FIN. */
extern void send(Peer* peer, uint8_t flags, const void* bytes, size_t length);
/** The same with one byte that has another value: from the length of the head on, that of a segment too short for it included. */
extern void sendDamaged(Peer* peer, uint8_t flags, const void* bytes, size_t length, size_t at, uint8_t value);
/** The next segment that the board has sent to this peer; acknowledged by the next `send`. It must be there. */
extern Segment hear(Peer* peer);
/** The next one with this flag; those before it are skipped. It must be there. */
extern Segment hearFor(Peer* peer, uint8_t flag);
/** Has the board sent anything to this peer? */
extern bool heard(const Peer* peer);
/** Forgets what the board has sent. */
extern void ignore(void);

/** A peer with a port of its own that has sent its SYN to a port of the board. */
extern Peer knock(uint16_t boardPort);
/** A peer that is connected to a port on which the board listens. */
extern Peer connectPeer(uint16_t boardPort);
/** A connection that the board has opened, to an address that has not answered yet. */
extern Connection* openConnection(Peer* peer, Owner* owner);
/** The same, when the peer has answered. */
extern Connection* openEstablished(Peer* peer, Owner* owner);
extern Listener* listenOn(uint16_t port, uint8_t backlog, Owner* owner);
/** A connection that was accepted on port 80 of a listener which is closed again. */
extern Connection* acceptOne(Peer* peer, Owner* owner);
/** The same with a peer that takes so many bytes at once. */
extern Connection* acceptWithWindow(Peer* peer, Owner* owner, uint16_t window);

/** Reads all that waits, which is this. */
extern void readExpecting(Connection* connection, const void* bytes, unsigned count);

#endif
