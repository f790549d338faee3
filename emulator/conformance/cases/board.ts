import type { BoardPlatform } from "../../src/platform.ts";
import {
  accepted,
  booted,
  bytes,
  dialled,
  EventRecorder,
  listening,
  PORT,
  same,
  throws,
} from "../stage.ts";
import type { Case, Target } from "../target.ts";

const POST = "xs/platforms/esp/xsHost.c: modMessagePostToMachine";
const ABORT = "xs/platforms/esp/xsPlatform.c: fxAbort";
const TRIGGER = "modules/io/socket/lwip/tcp.c: tcpTrigger";
const MAIN = "build/devices/esp32/lib/main/main.c: app_main";

/** The machine around the sockets: its event queue, its end, its power. */
export const board: Case[] = [
  {
    name: "before the radio has joined there is no network",
    source: "modules/io/common/builtinCommon.h: CHECK_NETWORK_SAFE",
    async run(target) {
      const to = await target.refusing();
      let platform: BoardPlatform | undefined;
      target.unplug();
      target.boot(given => {
        platform = given;
        throws(() => new given.TCP(to), "Error", "no network");
        throws(() => new given.Listener({ port: PORT }), "Error", "no network");
      });
      same(target.fatal, undefined, "fatal");
      await target.until("the network", () => platform?.link.address !== undefined);
      new target.Listener({ port: PORT });
    },
  },
  {
    name: "no event is ever delivered inside a call",
    source: TRIGGER,
    async run(target) {
      const intruders: string[] = [];
      let calling = "";
      const during = <T>(call: string, make: () => T): T => {
        calling = call;
        const made = make();
        calling = "";
        return made;
      };
      const received = new EventRecorder();
      const noted =
        <A extends unknown[]>(event: string, then: (...args: A) => void) =>
        (...args: A) => {
          if (calling) intruders.push(`${event} in ${calling}`);
          then(...args);
        };
      const callbacks = {
        onReadable: noted("readable", received.callbacks.onReadable),
        onWritable: noted("writable", received.callbacks.onWritable),
        onError: noted("error", received.callbacks.onError),
      };

      const { bare, peer } = await accepted(target);
      peer.send("hello");
      peer.finish();
      await target.quiet();
      const tcp = during("from", () => new target.TCP({ from: bare, ...callbacks }));
      await target.until("bytes", () => received.readable.length > 0);
      during("read", () => tcp.read());
      during("close", () => tcp.close());

      const to = await target.refusing();
      during("new", () => new target.TCP({ ...to, ...callbacks }));
      await target.until("the refusal", () => received.errors > 0);
      const { tcp: other, peer: last } = await dialled(target);
      const taken = during("from", () => new target.TCP({ from: other, ...callbacks }));
      during("write", () => taken.write(bytes("x")));
      await target.until("the byte", () => last.received === "x");
      during("close", () => taken.close());
      await target.quiet();
      same(intruders, [], "events inside calls");
    },
  },
  {
    name: "an exception out of a callback ends the board, and resets its connections",
    source: ABORT,
    not: { chip: "no program is left on the board to report it" },
    async run(target) {
      const { peer: bystander } = await dialled(target);
      new target.Listener({
        port: PORT,
        onReadable() {
          throw new Error("a bug");
        },
      });
      const client = target.connect(PORT);
      await target.until("the end", () => target.fatal !== undefined);
      same(target.fatal, "unhandled exception", "fatal");
      const lines = target.lines.filter(line => line.startsWith("XS abort: unhandled exception"));
      same([lines.length, lines[0]?.includes("a bug")], [1, true], "lines, and the reason in it");
      await target.until("resets", () => bystander.ending === "reset" && client.ending === "reset");
    },
  },
  {
    name: "an exception out of an alarm ends the board as well",
    source: ABORT,
    async run(target) {
      target.unplug();
      target.boot(({ clock }) => {
        clock.after(1, () => {
          throw new Error("a bug");
        });
      });
      await target.until("the end", () => target.fatal === "unhandled exception");
    },
  },
  {
    name: "an exception at boot ends the board as well",
    source: ABORT,
    run(target) {
      target.unplug();
      target.boot(() => {
        throw new Error("a bug");
      });
      same(target.fatal, "unhandled exception", "fatal");
    },
  },
  {
    name: "as many events as the queue holds are served",
    source: POST,
    async run(target) {
      const posts = await flooded(target, target.numbers.eventQueueLength / 2);
      await target.until("all served", () => posts.served >= target.numbers.eventQueueLength / 2);
      same(target.fatal, undefined, "fatal");
    },
  },
  {
    name: "one event more than the queue holds ends the board",
    source: POST,
    not: { chip: "it hangs, until the watchdog reboots it" },
    async run(target) {
      await flooded(target, target.numbers.eventQueueLength / 2 + 1);
      same(target.fatal?.startsWith("event queue full"), true, "fatal");
      const lines = target.lines.filter(line =>
        line.startsWith("the chip hangs: event queue full"),
      );
      same(lines.length, 1, "lines");
      same(target.connections, 0, "connections");
    },
  },
  {
    name: "without power connections are reset, alarms do not ring, callbacks are not called",
    source: MAIN,
    async run(target) {
      const received = new EventRecorder();
      let rang = false;
      const { clock } = await booted(target);
      const { bare, peer } = await accepted(target);
      const { peer: other, recorder } = await dialled(target);
      new target.TCP({ from: bare, ...received.callbacks }); // its first event waits
      clock.after(0, () => {
        rang = true;
      });
      target.unplug();
      await target.until("resets", () => peer.ending === "reset" && other.ending === "reset");
      await target.quiet();
      same([rang, received.events, recorder.errors], [false, [], 0], "rang, events, errors");
      same([target.connections, target.objects], [0, 0], "connections, objects");
    },
  },
  {
    name: "booted again, the board serves on the same port, and the old program gets no callback",
    source: MAIN,
    async run(target) {
      const old: number[] = [];
      const announced: number[] = [];
      new target.Listener({ port: PORT, onReadable: count => old.push(count) });
      const before = target.connect(PORT);
      await target.until("a client", () => old.length === 1);

      target.unplug();
      await target.until("a reset", () => before.ending === "reset");
      await booted(target);
      const listener = new target.Listener({ port: PORT, onReadable: n => announced.push(n) });
      const client = target.connect(PORT);
      await target.until("a client", () => announced.length > 0);
      listener.read()!.write(bytes("hello again"));
      await target.until("the greeting", () => client.received === "hello again");
      same([old, target.fatal ?? "none"], [[1], "none"], "events of the old program, fatal");
    },
  },
];

/**
 * In one turn, writes to `count` accepted connections and takes each over: the flush of the first
 * hand and the announcement to the second make two events each.
 */
async function flooded(target: Target, count: number): Promise<{ served: number }> {
  const posts = { served: 0 };
  const { listener, announced } = listening(target);
  for (let i = 0; i < count; i++) target.connect(PORT);
  await target.until("all clients", () => announced.at(-1) === count);
  const accepted = Array.from({ length: count }, () => listener.read()!);
  for (const bare of accepted) {
    bare.write(bytes("x"));
    if (target.fatal) break;
    new target.TCP({
      from: bare,
      onWritable: () => {
        posts.served++;
      },
    });
  }
  await target.quiet();
  return posts;
}
