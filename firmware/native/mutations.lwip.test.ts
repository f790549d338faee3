import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildLibrary, cannotBuild, type Library } from "../../emulator/lwip/build.ts";
import { CASE_SOURCES, GROUPS, INCLUDES, NATIVE, SOURCES, TITLES } from "./testing.ts";

/** A fault as the SDK's sockets have it, or one that lwIP makes easy: planted in ours, a case or a sanitizer finds it. */
interface Mutation {
  readonly name: string;
  readonly file:
    | "sockets.c"
    | "records.c"
    | "connections.c"
    | "listeners.c"
    | "pipes.c"
    | "search.c"
    | "chunked.c"
    | "datagrams.c";
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The title of the case that fails. */
  readonly found: string;
  /** The part that must report the fault, for the faults of the SDK's sockets: the table in README.md. */
  readonly by?: keyof typeof REPORTS;
}

const REPORTS = {
  /** AddressSanitizer */
  address: /ERROR: AddressSanitizer/,
  /** UndefinedBehaviorSanitizer */
  undefined: /runtime error/,
  /** A claim of the case */
  case: /not so: /,
};

const MUTATIONS: readonly Mutation[] = [
  {
    name: "a control block that lwIP has freed is used after a time-out",
    file: "records.c",
    find: "	Connection* connection = arg;\n	connection->pcb = NULL;\n",
    replace: "	Connection* connection = arg;\n",
    found: "a connect without an answer ends with a time-out",
    by: "address",
  },
  {
    name: "tcp_err is removed at FIN",
    file: "records.c",
    find: "		connection->peerEnded = true;\n",
    replace: "		connection->peerEnded = true;\n		tcp_err(connection->pcb, NULL);\n",
    found: "a reset behind a FIN is reported, and a close then touches nothing that lwIP has freed",
    by: "address",
  },
  {
    name: "the window of a control block that lwIP has freed is opened",
    file: "records.c",
    find: "	Connection* connection = arg;\n	connection->pcb = NULL;\n",
    replace: "	Connection* connection = arg;\n",
    found: "what was received is read after FIN and RST",
    by: "address",
  },
  {
    name: "a waiting connection has no tcp_err",
    file: "listeners.c",
    find: "	connection->listener = listener;\n",
    replace: "	connection->listener = listener;\n	tcp_err(pcb, NULL);\n",
    found: "a client that resets before it is accepted leaves the queue",
    by: "address",
  },
  {
    name: "a client that has reset stays in the queue",
    file: "listeners.c",
    find: "	leaveQueue(connection);\n	recordFree(connection);\n",
    replace: "	recordFree(connection);\n",
    found: "a client that resets before it is accepted leaves the queue",
    by: "address",
  },
  {
    name: "news of a closed listener stays queued",
    file: "listeners.c",
    find: "	newsForget(sockets, &listener->news);\n	mem_free(listener);\n",
    replace: "	mem_free(listener);\n",
    found: "a listener closed while its news is queued reports nothing any more",
    by: "address",
  },
  {
    name: "waiting connections are forgotten when their listener is closed",
    file: "listeners.c",
    find: "	while (listener->queue) {\n",
    replace: "	while (false) {\n",
    found: "a listener closed over clients resets those that are still connected",
  },
  {
    name: "news of a closed connection stays queued",
    file: "records.c",
    find: "	newsForget(connection->sockets, &connection->news);\n	recordFree(connection);\n",
    replace: "	recordFree(connection);\n",
    found: "a connection closed while its news is queued reports nothing any more",
    by: "address",
  },
  {
    name: "the peer's address is read from the control block",
    file: "connections.c",
    find: "	*address = connection->remote;\n",
    replace: "	*address = connection->pcb->remote_ip;\n",
    found: "the peer's address is known after a reset",
    by: "undefined",
  },
  {
    name: "a round ends before the message may be posted again",
    file: "sockets.c",
    find: "		sockets->woken = false;\n		socketsWakeUp(sockets);\n",
    replace: "		sockets->woken = false;\n",
    found: "no wake-up is lost while a message is served",
  },
  {
    name: "a round takes what comes meanwhile",
    file: "sockets.c",
    find: "		append(&sockets->later, news);\n",
    replace: "		append(sockets->inRound ? &sockets->now : &sockets->later, news);\n",
    found: "a round of news ends, whatever comes meanwhile",
  },
  {
    name: "the result of posting is ignored",
    file: "sockets.c",
    find: "sockets->woken = sockets->wake(sockets->context);",
    replace: "{ sockets->wake(sockets->context); sockets->woken = true; }",
    found: "a message that cannot be posted is posted later",
    by: "case",
  },
  {
    name: "news that its former owner did not get goes to the next",
    file: "connections.c",
    find: "	newsForget(connection->sockets, &connection->news);\n	connection->news.owner = owner;\n",
    replace: "	connection->news.owner = owner;\n",
    found: "an owner gets the bytes received before it was set",
    by: "case",
  },
  {
    name: "a write asks a control block that is gone",
    file: "records.c",
    find: "	if (recordWriteClosed(connection) || connection->state != OPEN) return 0;\n",
    replace: "	if (connection->ended) return 0;\n",
    found: "a write after a reset fails",
    by: "undefined",
  },
  {
    name: "an allocation is not checked",
    file: "records.c",
    find: "	connection = mem_calloc(1, sizeof(Connection));\n	if (connection == NULL) return NULL;\n",
    replace: "	connection = mem_calloc(1, sizeof(Connection));\n",
    found: "whichever allocation fails, it is reported or made good, and nothing is left",
    by: "undefined",
  },
  {
    name: "a listen that failed leaves its control block",
    file: "listeners.c",
    find: "	if (listening == NULL) tcp_abort(pcb);\n",
    replace: "",
    found: "a port can be listened on again, beside connections that it had",
    by: "case",
  },
  {
    name: "the error of connect is dropped",
    file: "connections.c",
    find: "	if (result != ERR_OK) {\n",
    replace: "	if (false) {\n",
    found: "an address without a route is refused at once, and leaves no control block",
    by: "case",
  },
  {
    name: "a refused connect is a reset",
    file: "records.c",
    find: "error == ERR_RST && connection->state == CONNECTING",
    replace: "false",
    found: "a connect that is reset is refused",
  },
  {
    name: "a control block in TIME_WAIT is kept",
    file: "records.c",
    find: "state != TIME_WAIT && (state != CLOSING || recordUnacknowledged(connection) > 0)",
    replace: "state != CLOSING",
    found: "a half-closed connection reads on, and lwIP may forget its control block",
  },
  {
    name: "a control block in CLOSING is kept",
    file: "records.c",
    find: "state != TIME_WAIT && (state != CLOSING || recordUnacknowledged(connection) > 0)",
    replace: "state != TIME_WAIT",
    found: "two FINs that cross are an end without error",
  },
  {
    name: "an end of both sides is an error",
    file: "records.c",
    find: "error == ERR_CLSD",
    replace: "false",
    found: "a connection whose peer ended first writes on, and ends without error",
  },
  {
    name: "a FIN asked for while connecting is lost",
    file: "records.c",
    find: "	connection->state = OPEN;\n	recordSendFin(connection);\n",
    replace: "	connection->state = OPEN;\n",
    found: "a FIN asked for before the connection is established follows, and the answer is read",
  },
  {
    name: "FIN goes to lwIP before the bytes have been sent",
    file: "records.c",
    find: " || connection->finSent || pcb->unsent) return;",
    replace: " || connection->finSent) return;",
    found: "a FIN stays behind bytes for which the peer's window is too small",
  },
  {
    name: "a close gives FIN to lwIP before the bytes have been sent",
    file: "records.c",
    find: "(connection->finSent || connection->pcb->unsent == NULL)",
    replace: "true",
    found: "a close sends bytes for which the peer's window is too small",
  },
  {
    name: "a closed connection waits for ever",
    file: "records.c",
    find: "sys_now() - connection->closedMs > LEAVING_MS_MAX",
    replace: "false",
    found: "a peer that keeps its window shut holds a closed connection for a minute",
  },
  {
    name: "bytes after a close are swallowed",
    file: "records.c",
    find: "		pbuf_free(bytes);\n		return leaveByReset(connection);\n",
    replace: "		pbuf_free(bytes);\n		return ERR_OK;\n",
    found: "bytes after a close are answered by RST",
  },
  {
    name: "unread bytes are no reason for RST",
    file: "records.c",
    find: "	if (pcb && (connection->received || pcb->refused_data)) {\n",
    replace: "	if (false) {\n",
    found: "a close over unread bytes resets",
  },
  {
    name: "a closed connection leaves before the bytes of the same segment are delivered",
    file: "records.c",
    find: "	recordSendFin(connection);\n	if (connection->state != OPEN) return ERR_OK;\n",
    replace: "	if (mayLeave(connection)) { leave(connection); return ERR_OK; }\n",
    found:
      "bytes that arrive with the last acknowledgement after a close are answered by RST, and freed",
  },
  {
    name: "a closed connection stays when both FINs are sent",
    file: "records.c",
    find: "			if (connection->finSent) leave(connection);\n",
    replace: "",
    found: "a closed connection whose peer's FIN arrives before the next poll leaves no record",
  },
  {
    name: "bytes that lwIP keeps are no reason for RST",
    file: "records.c",
    find: " || pcb->refused_data",
    replace: "",
    found: "a close over bytes that lwIP keeps for want of memory resets",
  },
  {
    name: "room is promised for which lwIP has no pbufs",
    file: "records.c",
    find: "leastOf(tcp_sndbuf(connection->pcb), (TCP_SND_QUEUELEN - pbufs) * recordSegmentBytes(connection))",
    replace: "tcp_sndbuf(connection->pcb)",
    found: "a write takes as many bytes as were promised",
  },
  {
    name: "a message is posted again only by connections that lwIP has",
    file: "sockets.c",
    find: "	sys_timeout(WAKE_RETRY_MS, wakeAgain, sockets);\n",
    replace: "",
    found: "the news of a lost connection is posted later when it cannot be posted",
  },
  {
    name: "a timer outlives the sockets",
    file: "sockets.c",
    find: "	if (sockets->wakeRetries) sys_untimeout(wakeAgain, sockets);\n",
    replace: "",
    found: "the news of a lost connection is posted later when it cannot be posted",
  },
  {
    name: "silence before keepalive counts",
    file: "connections.c",
    find: "		pcb->tmr = tcp_ticks;\n",
    replace: "",
    found: "keepalive counts silence from when it is turned on",
  },
  {
    name: "the time of all keepalive probes wraps",
    file: "connections.c",
    find: "leastOf(keepaliveMs, KEEPALIVE_MS_MAX)",
    replace: "keepaliveMs",
    found: "keepalive of any time sends a probe before the connection is given up",
  },
  {
    name: "a control block in CLOSING is given back over unacknowledged bytes",
    file: "records.c",
    find: "(state != CLOSING || recordUnacknowledged(connection) > 0)",
    replace: "state != CLOSING",
    found: "a reset behind two FINs that cross is reported while bytes are unacknowledged",
  },
  {
    name: "a control block is kept on its way from CLOSING to TIME_WAIT",
    file: "records.c",
    find: "	if (connection->peerEnded) finishIfOver(connection);\n",
    replace: "",
    found: "two FINs that cross end without error once the bytes are acknowledged",
  },
  {
    name: "a control block that lwIP gives to a client is a time-out",
    file: "records.c",
    find: " || (ip_current_input_netif() != NULL && ip_current_header_proto() == IP_PROTO_TCP)",
    replace: "",
    found: "a control block that lwIP gives to a client is lost for want of memory",
  },
  {
    name: "each time-out is a want of memory",
    file: "records.c",
    find: "error == ERR_ABRT && isTakenForAnother(connection->sockets)",
    replace: "error == ERR_ABRT",
    found: "a FIN without an acknowledgement ends with a time-out",
  },
  {
    name: "a SYN without a control block is a client that was turned away",
    file: "listeners.c",
    find: "	if (pcb == NULL) return ERR_MEM;\n	if (listener->waiting",
    replace: "	if (pcb && listener->waiting",
    found: "a client whose SYN finds no control block sends it again, and is not counted",
  },
  {
    name: "an end is reported again",
    file: "records.c",
    find: "	events &= ~(unsigned)connection->endsReported;\n",
    replace: "",
    found: "a reset behind a FIN is reported, and a close then touches nothing that lwIP has freed",
  },
  {
    name: "an end is not reported to the next owner",
    file: "records.c",
    find: "	connection->endsReported = 0;\n",
    replace: "",
    found: "an owner gets the bytes received before it was set",
  },
  {
    name: "callbacks stay with a control block that is given back",
    file: "records.c",
    find: "	tcp_err(pcb, NULL);\n",
    replace: "",
    found: "a reset on purpose sends RST and drops the rest",
  },
  {
    name: "the window is not opened",
    file: "records.c",
    find: "	openWindowBehind(connection, count);\n",
    replace: "",
    found: "the window opens by the segments that were read",
  },
  {
    name: "the window opens by bytes of a segment that is not freed",
    file: "records.c",
    find: "	openWindow(connection, before + fresh - after + (after > 0) - connection->openAhead);\n",
    replace: "	openWindow(connection, fresh);\n",
    found: "what is received takes a window, also behind a segment that was read in part",
  },
  {
    name: "the window opens by bytes of the next segment as well",
    file: "records.c",
    find: "before + fresh : leastOf(ofPiece, fresh);\n",
    replace: "before + fresh : 0;\n",
    found: "the window opens by the segments that were read",
  },
  {
    name: "two connections with shut windows answer each other for ever",
    file: "records.c",
    find: " + (after > 0) - connection->openAhead);\n",
    replace: ");\n",
    found: "an empty segment is not answered where a segment was read in part",
  },
  {
    name: "the window opens by a byte for each read of a segment",
    file: "records.c",
    find: "	connection->openAhead = after > 0;\n",
    replace: "",
    found: "bytes of a segment that was read in part are put back without memory",
  },
  {
    name: "the window stays shut for what was read of segments that are copied together",
    file: "records.c",
    find: "			openWindow(connection, connection->readOfFirst - connection->openAhead);\n",
    replace: "",
    found: "segments that are copied together open the window for what was read of the first",
  },
  {
    name: "bytes put back into their segment are read twice where memory is missing for the others",
    file: "connections.c",
    find: "		if (still > 0) pbuf_remove_header(connection->received, still);\n",
    replace: "",
    found: "bytes of a segment that was read in part are put back without memory",
  },
  {
    name: "the window opens twice for bytes put back into their segment",
    file: "connections.c",
    find: "	connection->readOfFirst -= (uint16_t)still;\n",
    replace: "",
    found: "bytes of a segment that was read in part are put back without memory",
  },
  {
    name: "the last segment keeps memory that it does not use",
    file: "records.c",
    find: "	trimLastSegment(connection->pcb);\n",
    replace: "",
    found: "small writes that wait for the peer take the memory of their bytes",
  },
  {
    name: "nothing is added to the last segment under Nagle's algorithm",
    file: "records.c",
    find: " || !tcp_nagle_disabled(pcb)) return;",
    replace: ") return;",
    found: "Nagle's algorithm adds what is written to the last segment",
  },
  {
    name: "small pieces are not copied together",
    file: "records.c",
    find: "pbuf_clen(connection->received) >= RECEIVED_PBUFS_MAX",
    replace: "false",
    found: "segments of one byte take no more memory than their bytes",
  },
  {
    name: "the last bytes are refused",
    file: "records.c",
    find: "	return state != CLOSING && state != LAST_ACK && state != TIME_WAIT;\n",
    replace: "	return true;\n",
    found: "the last bytes with the FIN are not refused for want of memory",
  },
  {
    name: "bytes are refused although an acknowledgement may end the control block",
    file: "records.c",
    find: "state != CLOSING && state != LAST_ACK && state != TIME_WAIT",
    replace: "state != TIME_WAIT",
    found: "bytes that lwIP keeps for want of memory are not lost when our FIN is acknowledged",
  },
  {
    name: "an end is reported before the bytes",
    file: "records.c",
    find: "	if (connection->received) return;\n",
    replace: "",
    found: "bytes are reported before the FIN behind them",
  },
  {
    name: "a write that found no memory is not repeated",
    file: "records.c",
    find: "	connection->wantsMemory = true;\n",
    replace: "",
    found: "a write without memory takes nothing, and room is reported later",
  },
  {
    name: "room is promised in full segments",
    file: "records.c",
    find: "(TCP_SND_QUEUELEN - pbufs) * recordSegmentBytes(connection)",
    replace: "(TCP_SND_QUEUELEN - pbufs) * tcp_mss(connection->pcb)",
    found: "a write takes as many bytes as were promised",
  },
  {
    name: "an accepted connection counts against the backlog",
    file: "listeners.c",
    find: "	tcp_backlog_accepted(connection->pcb);\n",
    replace: "",
    found: "a full backlog leaves a SYN without answer, and takes it later",
  },
  {
    name: "connections that a port had forbid it",
    file: "listeners.c",
    find: "	ip_set_option(pcb, SOF_REUSEADDR);\n",
    replace: "",
    found: "a port can be listened on again, beside connections that it had",
  },
  {
    name: "connections are not counted",
    file: "records.c",
    find: "	sockets->connectionCount++;\n",
    replace: "",
    found: "a client beyond the number of connections is reset, and counted",
  },
  {
    name: "the outcome of a pipe is not repeated for the next owner",
    file: "records.c",
    find: "	if (connection->pipeFrom) events |= EVENT_PIPE;\n",
    replace: "",
    found: "an owner that is set after the pipe gets its outcome",
  },
  {
    name: "a pipe keeps a receiver that is closed",
    file: "pipes.c",
    find: "	pipe->to = NULL;\n	connection->pipeTo = NULL;\n",
    replace: "	connection->pipeTo = NULL;\n",
    found: "a receiver that is closed ends the pipe",
  },
  {
    name: "a receiver keeps a pipe whose sender is closed",
    file: "pipes.c",
    find: "	if (pipe->to) pipe->to->pipeTo = NULL;\n",
    replace: "",
    found: "a sender that is closed ends the pipe, and the receiver goes on",
  },
  {
    name: "bytes that found no memory are searched twice",
    file: "pipes.c",
    find: "		*pipe = before; /* and searched again when there is memory */\n",
    replace: "",
    found: "bytes for which there was no memory are searched once",
  },
  {
    name: "bytes behind the keyword pass",
    file: "search.c",
    find: "			*count = (unsigned)(at - bytes);\n",
    replace: "",
    found: "a keyword ends a pipe behind its last byte, wherever the stream is cut",
  },
  {
    name: "a pipe passes one byte too many",
    file: "pipes.c",
    find: "left < UINT16_MAX ? (unsigned)left : UINT16_MAX",
    replace: "UINT16_MAX",
    found: "a pipe passes as many bytes as were asked for, and leaves the rest",
  },
  {
    name: "the queue of datagrams has no bound by number",
    file: "datagrams.c",
    find: "socket->waiting >= socket->queueMax || ",
    replace: "",
    found: "a queue of datagrams is bounded by their number; those dropped are counted",
  },
  {
    name: "the queue of datagrams has no bound by bytes",
    file: "datagrams.c",
    find: "length > socket->queueBytesMax - socket->waitingBytes",
    replace: "false",
    found: "a queue of datagrams is bounded by their bytes",
  },
  {
    name: "the block of a datagram is not checked",
    file: "datagrams.c",
    find: "	if (datagram == NULL) return NULL;\n	datagram->next",
    replace: "	datagram->next",
    found:
      "whichever allocation of a UDP socket fails, it is reported or counted, and nothing is left",
  },
  {
    name: "the packet to send is not checked",
    file: "datagrams.c",
    find: "	if (packet == NULL) return SOCKET_MEMORY;\n",
    replace: "",
    found: "a datagram that cannot be sent is an error, each with its own code",
  },
  {
    name: "the length of a datagram is cut to 16 bits",
    file: "datagrams.c",
    find: " || count > DATAGRAM_BYTES_MAX",
    replace: "",
    found: "a datagram that cannot be sent is an error, each with its own code",
  },
  {
    name: "a received packet is not given back",
    file: "datagrams.c",
    find: "	pbuf_free(packet);\n	newsReport",
    replace: "	newsReport",
    found: "a datagram that waits holds no packet of lwIP",
  },
  {
    name: "the last datagram stays known after it was taken",
    file: "datagrams.c",
    find: "	if (socket->first == NULL) socket->last = NULL;\n",
    replace: "",
    found: "datagrams keep their order, their ends, their senders; an empty one counts",
  },
  {
    name: "a full queue does not repeat a message that could not be posted",
    file: "datagrams.c",
    find: "	newsReport(socket->sockets, &socket->news, datagram ? EVENT_READABLE : 0);\n",
    replace: "	if (datagram) newsReport(socket->sockets, &socket->news, EVENT_READABLE);\n",
    found: "news of a datagram that cannot be posted comes with the next one, or the next send",
  },
  {
    name: "a send does not repeat a message that could not be posted",
    file: "datagrams.c",
    find: "	newsReport(socket->sockets, &socket->news, 0);\n",
    replace: "",
    found: "news of a datagram that cannot be posted comes with the next one, or the next send",
  },
  {
    name: "a closed UDP socket receives on",
    file: "datagrams.c",
    find: "	udp_remove(socket->pcb);\n",
    replace: "",
    found: "a UDP socket closed while its news is queued reports nothing any more",
  },
  {
    name: "news of a closed UDP socket stays queued",
    file: "datagrams.c",
    find: "	newsForget(sockets, &socket->news);\n",
    replace: "",
    found: "a UDP socket closed while its news is queued reports nothing any more",
  },
  {
    name: "datagrams of a closed UDP socket are not freed",
    file: "datagrams.c",
    find: "	while (socket->first) dropFirst(socket);\n",
    replace: "",
    found: "the end of all sockets closes UDP sockets, with what waits",
  },
  {
    name: "a closed UDP socket stays in its groups",
    file: "datagrams.c",
    find: "	while (socket->groupCount > 0) leaveGroup(&socket->groups[--socket->groupCount]);\n",
    replace: "",
    found: "a UDP socket that is closed leaves its groups, and only for itself",
  },
  {
    name: "a group is joined twice by one socket",
    file: "datagrams.c",
    find: "	if (groupOf(socket, address)) return SOCKET_OK;\n",
    replace: "",
    found: "groups of a UDP socket are bounded, and one that cannot be joined is an error",
  },
  {
    name: "groups have no bound",
    file: "datagrams.c",
    find: "	if (socket->groupCount == UDP_GROUPS_MAX) return SOCKET_MEMORY;\n",
    replace: "",
    found: "groups of a UDP socket are bounded, and one that cannot be joined is an error",
  },
  {
    name: "the result of joining a group is ignored",
    file: "datagrams.c",
    find: "	return udpErrorOf(result);\n}\n\nSocketError udpJoin",
    replace: "	return SOCKET_OK;\n}\n\nSocketError udpJoin",
    found: "groups of a UDP socket are bounded, and one that cannot be joined is an error",
  },
  {
    name: "datagrams to groups have lwIP's time to live",
    file: "datagrams.c",
    find: "		udp_set_multicast_ttl(socket->pcb, options->timeToLive);\n",
    replace: "",
    found: "a datagram has the socket's time to live, to a group as well",
  },
  {
    name: "a bind that failed leaves its control block",
    file: "datagrams.c",
    find: "	udp_remove(pcb);\n	return NULL;\n",
    replace: "	return NULL;\n",
    found: "a UDP port is one socket's, and free again after its close",
  },
  {
    name: "a search that goes on behind a keyword finds it again",
    file: "search.c",
    find: "			place->state = 0; /* behind a keyword none has begun */\n",
    replace: "",
    found: "a search goes on behind a keyword",
  },
  {
    name: "content that found no memory is decoded twice",
    file: "pipes.c",
    find: "		*pipe = before; /* and decoded and searched again when there is memory */\n",
    replace: "",
    found: "whichever allocation fails, content is framed once",
  },
  {
    name: "a frame that found no memory is not repeated",
    file: "pipes.c",
    find: "		pipe->to->wantsMemory = true;\n",
    replace: "",
    found: "whichever allocation fails, content is framed once",
  },
  {
    name: "a body that is too short gets a last chunk",
    file: "pipes.c",
    find: "!pipe->fromFraming && pipe->bytesMax == PIPE_TO_THE_END;",
    replace: "!pipe->fromFraming;",
    found: "a body that is cut off has no last chunk",
  },
  {
    name: "chunks that are cut off get a last chunk",
    file: "pipes.c",
    find: "!pipe->fromFraming && pipe->bytesMax == PIPE_TO_THE_END;",
    replace: "pipe->bytesMax == PIPE_TO_THE_END;",
    found: "a body that is cut off has no last chunk",
  },
  {
    name: "a body that a reset ends gets a last chunk",
    file: "pipes.c",
    find: "from->peerEnded && from->error == SOCKET_OK));",
    replace: "(from->peerEnded || from->error != SOCKET_OK)));",
    found: "a body that is cut off has no last chunk",
  },
  {
    name: "a last chunk for which there is no room is dropped",
    file: "pipes.c",
    find: "	if (from->received == NULL && !hasEndToFrame(pipe)) {\n",
    replace: "	if (from->received == NULL) {\n",
    found: "the last chunk waits for room",
  },
  {
    name: "a pipe with a last chunk to send waits for bytes",
    file: "pipes.c",
    find: "	return pipe->from->received || hasEndToFrame(pipe) || (pipe->to && recordWritable(pipe->to) == 0);\n",
    replace: "	return pipe->from->received;\n",
    found: "the last chunk waits for room",
  },
  {
    name: "frames are cut to segments that are smaller than a frame",
    file: "pipes.c",
    find: "mostOf(recordSegmentBytes(pipe->to), bytesAround + 1)",
    replace: "recordSegmentBytes(pipe->to)",
    found: "chunks pass to a peer with a tiny window",
  },
  {
    name: "a pipe that goes on within chunks begins anew",
    file: "pipes.c",
    find: "	if (options->decoding) pipe->decoding = *options->decoding;\n	else if",
    replace: "	if",
    found: "a keyword is found across chunks, and the next pipe goes on behind it",
  },
  {
    name: "delimiters count as content",
    file: "pipes.c",
    find: "	if (taken > 0) recordConsume(pipe->from, taken);\n",
    replace:
      "	pipe->passed = before.passed + taken;\n	if (taken > 0) recordConsume(pipe->from, taken);\n",
    found: "the first byte that is reported is one of the content",
  },
  {
    name: "a LF alone ends a chunk's size",
    file: "chunked.c",
    find: "	if (byte == '\\r') decoding->position = SIZE_LF;\n",
    replace:
      "	if (byte == '\\n') { decoding->position = DATA_CR; decoding->content = decoding->size; decoding->size = 0; }\n	else if (byte == '\\r') decoding->position = SIZE_LF;\n",
    found: "a fault in the chunks ends the pipe behind the content before it",
  },
  {
    name: "the content of chunks has no bound",
    file: "chunked.c",
    find: "	if (size > decoding->allowed) {\n",
    replace: "	if (false) {\n",
    found: "the content of chunks is bounded, and its bytes alone are counted",
  },
  {
    name: "what is written in a round is not sent",
    file: "sockets.c",
    find: "	portLock();\n	socketsSendWritten(sockets);\n",
    replace: "	portLock();\n",
    found: "what is written in answer to one report goes out together",
  },
  {
    name: "each write is sent at once",
    file: "connections.c",
    find: "	if (!sockets->inRound) socketsSendWritten(sockets);\n",
    replace: "	socketsSendWritten(sockets);\n",
    found: "what is written in answer to one report goes out together",
  },
  {
    name: "what is written outside of a round waits for the next one",
    file: "connections.c",
    find: "	if (!sockets->inRound) socketsSendWritten(sockets);\n",
    replace: "",
    found: "what is written in answer to one report goes out together",
  },
  {
    name: "a freed record is sent from",
    file: "records.c",
    find: "	if (connection->sockets->written == connection) connection->sockets->written = NULL;\n",
    replace: "",
    found: "a write to another connection sends what was written before",
  },
  {
    name: "an end waits for bytes that are not sent",
    file: "connections.c",
    find: "	socketsSendWritten(connection->sockets);\n	if",
    replace: "	if",
    found: "an end and a close within a round send what was written",
  },
  {
    name: "a close waits for bytes that are not sent",
    file: "records.c",
    find: "	socketsSendWritten(connection->sockets);\n	pcb = connection->pcb;\n",
    replace: "	pcb = connection->pcb;\n",
    found: "an end and a close within a round send what was written",
  },
  {
    name: "the window is opened again for bytes that were put back",
    file: "records.c",
    find: "	unsigned fresh = count - again;\n",
    replace: "	unsigned fresh = count;\n",
    found: "bytes that are put back are read first, and open the window once",
  },
  {
    name: "bytes that are put back stand behind others",
    file: "connections.c",
    find: "	if (connection->received) pbuf_cat(piece, connection->received);\n	connection->received = piece;\n",
    replace:
      "	if (connection->received) pbuf_cat(connection->received, piece);\n	else connection->received = piece;\n",
    found: "bytes that are put back are read first, and open the window once",
  },
  {
    name: "an end that was to be reported stands before bytes that were put back",
    file: "connections.c",
    find: "	takeBackEnds(connection);\n",
    replace: "",
    found: "an end is reported behind bytes that were put back, and once",
  },
  {
    name: "an end that was taken back is forgotten",
    file: "connections.c",
    find: "	connection->endsReported &= (uint8_t)~ends;\n",
    replace: "",
    found: "an end is reported behind bytes that were put back, and once",
  },
  {
    name: "any number of bytes can be put back",
    file: "connections.c",
    find: " || count > (unsigned)(TCP_WND - connection->unread))",
    replace: ")",
    found: "bytes that cannot be put back change nothing",
  },
  {
    name: "bytes are put back under a pipe",
    file: "connections.c",
    find: "	if (pipeRuns(connection->pipeFrom)) return SOCKET_IN_USE;\n",
    replace: "",
    found:
      "what is piped is not read or written by hand, and a side that is closed frees the other",
  },
  {
    name: "what is piped can be read",
    file: "connections.c",
    find: "return pipeRuns(connection->pipeFrom) ? 0 : recordReadable(connection);",
    replace: "return recordReadable(connection);",
    found:
      "what is piped is not read or written by hand, and a side that is closed frees the other",
  },
  {
    name: "a receiver learns nothing of a sender that is closed",
    file: "pipes.c",
    find: "	if (pipeRuns(pipe)) endPipe(pipe, PIPE_STOPPED);\n	if (pipe->to)",
    replace: "	if (pipe->to)",
    found:
      "what is piped is not read or written by hand, and a side that is closed frees the other",
  },
  {
    name: "bytes that a pipe leaves are not announced",
    file: "pipes.c",
    find: "	if (pipe->from->received) newsReport(",
    replace: "	if (false) newsReport(",
    found: "a pipe passes as many bytes as were asked for, and leaves the rest",
  },
  {
    name: "the first byte of a pipe that was stopped is reported",
    file: "pipes.c",
    find: "		from->news.events &= (uint8_t)~EVENT_PIPE;\n",
    replace: "",
    found: "a pipe that is stopped says what it has passed, and nothing more",
  },
  {
    name: "a pipe has no reference to its tables",
    file: "pipes.c",
    find: "	if (pipe->search) searchHold(pipe->search);\n",
    replace: "",
    found: "a pipe keeps its tables as long as it runs",
  },
  {
    name: "a pipe never gives its tables up",
    file: "pipes.c",
    find: "	searchRelease(pipe->search);\n",
    replace: "",
    found: "a pipe keeps its tables as long as it runs",
  },
  {
    name: "the next pipe searches in the tables of text again",
    file: "search.c",
    find: "return place.tables == search ? place.state : IN_ANY | place.state;",
    replace: "return place.state;",
    found: "a search behind a control byte goes on in the next pipe",
  },
  {
    name: "a state between two rows is taken",
    file: "search.c",
    find: "return value < search->found && value % search->columnCount == 0;",
    replace: "return value < search->found;",
    found: "tables that a stream could lead out of are refused",
  },
  {
    name: "an outcome beyond the last is taken",
    file: "search.c",
    find: "if (search->next[i] > last || (",
    replace: "if ((",
    found: "tables that a stream could lead out of are refused",
  },
  {
    name: "words of a search have no control characters",
    file: "search.c",
    find: "return ((word - EACH(' ')) | (word + EACH(1)) | ",
    replace: "return (",
    found: "a search of several bytes at once finds what one of each byte finds",
  },
  {
    name: "the byte at the place of a search is skipped",
    file: "search.c",
    find: " & (Word)-1 << 8 * (unsigned)(at - word);",
    replace: " & (Word)-1 << 8 * (unsigned)(at - word) << 8;",
    found: "a search of several bytes at once finds what one of each byte finds",
  },
  {
    name: "a second first byte of keywords is skipped",
    file: "search.c",
    find: "	search->byWords = firsts == 0 || (firsts == 1 && search->first < 0x80);\n",
    replace: "	search->byWords = true;\n",
    found: "keywords that begin with different bytes are searched byte by byte",
  },
  {
    name: "bytes above ASCII hide the flag of another byte",
    file: "search.c",
    find: " & ~word & EACH(0x80);",
    replace: " & (word & EACH(0x80) ? 0 : EACH(0x80));",
    found: "a search of several bytes at once finds what one of each byte finds",
  },
  {
    name: "bytes behind the beginning of a keyword are not searched",
    file: "search.c",
    find: "		word = wordOf(at);\n		if (word > last) return at;\n",
    replace: "		word = wordOf(at) + WORD_BYTES;\n		if (word > last) return at;\n",
    found: "a search of several bytes at once finds what one of each byte finds",
  },
  {
    name: "a frame with its end that a tiny window never takes is waited for",
    file: "pipes.c",
    find: "	if (!*tight) return true;\n",
    replace: "	return !*tight;\n",
    found: "chunks pass to a peer with a tiny window",
  },
  {
    name: "an end of its own is not sent behind the last content",
    file: "pipes.c",
    find: "isContentOver(pipe) && (last || !pipe->toFraming)) pipe",
    replace: "isContentOver(pipe)) pipe",
    found: "chunks pass to a peer with a tiny window",
  },
  {
    name: "a place is not looked at",
    file: "search.c",
    find: " || !isState(tables, number % IN_ANY)) return false;",
    replace: ") return false;",
    found: "a pipe without content, and a place outside the tables, are refused",
  },
];

const run = promisify(execFile);

let work: string;
let library: Library;
/** Compiled without a fault: source to object. */
const objects = new Map<string, string>();

async function compile(source: string, object: string): Promise<void> {
  const { toolchain, flags, includes } = library;
  await run(toolchain.compiler, [
    ...flags,
    ...INCLUDES,
    ...includes,
    "-O0", // compiled once and run once
    "-w",
    "-c",
    source,
    "-o",
    object,
  ]);
}

beforeAll(async () => {
  if (cannotBuild() !== undefined) return;
  work = mkdtempSync(path.join(tmpdir(), "hot-potato-mutations-"));
  library = await buildLibrary({ sanitizers: "memory", options: GROUPS });
  for (const source of [...SOURCES, ...CASE_SOURCES]) {
    const object = path.join(work, `${path.basename(source)}.o`);
    await compile(source, object);
    objects.set(source, object);
  }
});

afterAll(() => {
  if (work !== undefined) rmSync(work, { recursive: true });
});

/** Builds the cases with one file replaced by this text. */
async function buildWith(file: string, text: string): Promise<string> {
  const { toolchain, flags, folder } = library;
  const source = path.join(work, file);
  const object = path.join(work, "mutated.o");
  const program = path.join(work, "mutated");
  writeFileSync(source, text);
  await compile(source, object);
  const linked = [...objects].map(([name, built]) => (name === NATIVE + file ? object : built));
  const copies = ["board.o", "segment.c.o"].map(name => path.join(folder, name));
  await run(toolchain.compiler, [...flags, ...linked, ...copies, "-o", program]);
  return program;
}

test.each(MUTATIONS)("a fault is found: $name", async ({ file, find, replace, found, by }) => {
  const text = readFileSync(NATIVE + file, "utf8");
  expect(text.split(find)).toHaveLength(2);
  const index = TITLES.indexOf(found);
  expect(index).toBeGreaterThanOrEqual(0);
  const program = await buildWith(
    file,
    text.replace(find, () => replace),
  );
  await expect(run(program, [String(index)])).rejects.toThrow(by && REPORTS[by]);
});
