import type { Link } from "../../firmware/src/platform.ts";
import { Alarms } from "./alarms.ts";
import type { BoardKind } from "./boards/kind.ts";
import type { Cancel, Clock } from "./clock.ts";
import { Console } from "./console.ts";
import type { DhcpServer } from "./dhcp.ts";
import { Flash } from "./flash.ts";
import { Heap } from "./heap.ts";
import { Adapter } from "./io/adapter.ts";
import { defineDigital } from "./io/digital.ts";
import { defineEthernet } from "./io/ethernet.ts";
import { defineListener } from "./io/listener.ts";
import { ownSockets } from "./io/own-sockets.ts";
import { sdkSockets } from "./io/sdk-sockets.ts";
import { Search } from "./io/search.ts";
import { defineSerial } from "./io/serial.ts";
import type { SocketCode } from "./io/socket-code.ts";
import { type Publish, Stack } from "./io/stack.ts";
import { defineKeyValue } from "./io/storage.ts";
import { defineTCP, type TCPFamily } from "./io/tcp.ts";
import { Uart } from "./io/uart.ts";
import { defineUDP, type UDPFamily } from "./io/udp.ts";
import { defineWiFi } from "./io/wifi.ts";
import type { Wire } from "./io/wire.ts";
import { Pins } from "./pins.ts";
import type { AbortHook, BoardPlatform, Vitals } from "./platform.ts";
import type { BootMode, Crash, ResetReason } from "./reset.ts";
import { type BoardWifi, Station } from "./station.ts";
import { Tasks } from "./tasks.ts";
import { WifiStation } from "./wifi.ts";

export interface BoardOptions {
  kind: BoardKind;
  clock: Clock;
  /** The network that the board is plugged into. */
  wire: Wire;
  /** The board's own IP address, as it is in its log. */
  address?: string;
  /** Addresses of the DNS servers that its DHCP server gives. */
  dnsServers?: readonly string[] | undefined;
  /**
   * The network's DHCP server: the program joins the network by itself, with the driver `WiFi` or `Ethernet` of its platform. Without one
   * the board joins by itself, and has the address above.
   */
  dhcp?: DhcpServer | undefined;
  /** False: the Ethernet controller finds no PHY. */
  hasPhy?: boolean | undefined;
  /** The board has this address now. */
  onAddress?: (address: string) => void;
  /** The address and port of the computer for a port of the board. By default the same port; `undefined`: none. */
  publish?: Publish;
  /** A published port is open at this address. */
  onListening?: (boardPort: number, at: { port: number; host: string }) => void;
  /** The board's source of random numbers, from 0 to less than 1; tests give a seeded one. */
  random: () => number;
  /** The Wi-Fi is lost or joined: a simulated network loses packets meanwhile. */
  onWifi?: (online: boolean) => void;
  /** Called with each line that the program writes to its console, and with the panic output, at once. */
  onLine?: (line: string) => void;
  /** The exception that ends the program: it may know its files and lines, which the chip does not. */
  onException?: (exception: unknown) => void;
  /**
   * The serial line has its speed, and carries the console, too: a program that logs faster is stalled, and
   * booting takes as long as on the chip, with the ROM's banner. Without it, what is logged or written to the
   * serial port takes no time, nor does `boot`.
   */
  pacedConsole?: boolean;
  /** The network carries multicast, and the board's own UDP sockets can join groups. */
  multicast?: boolean;
  /** A board that stopped by itself boots again, as the chip does; else it waits for `boot`. */
  reboots?: boolean;
  /** The board's flash; by default one in memory. */
  flash?: Flash;
  /** Bytes of its heap that sockets beside its own have: those of an engine with a network. */
  heldBytes?: () => number;
  /** The computer lacks a resource of the board: a published port is taken. */
  onWireError?: (error: Error) => void;
}

/** A program for a board. */
export type Firmware = (platform: BoardPlatform) => void;

/** A board: it connects its parts and runs a program, of which it knows nothing. */
export class Board {
  readonly kind: BoardKind;
  readonly clock: Clock;
  /** The pins that its program drives, for circuits on them. */
  readonly pins = new Pins();
  readonly stack: Stack;
  readonly wifi: BoardWifi;
  readonly tasks: Tasks;
  readonly heap: Heap;
  readonly flash: Flash;
  /** The board's USB adapter, as the computer has it. */
  readonly adapter: Adapter;
  /** Why the board stopped by itself. */
  fatal: string | undefined;
  /** The reset reason that the program can read. */
  resetReason: ResetReason = "power-on";
  #uart: Uart;
  #sockets: SocketCode | undefined;
  #udp: UDPFamily | undefined;
  /** The Wi-Fi that the program joins with its driver. */
  #station: Station | undefined;
  #firmware: Firmware | undefined;
  /** A program runs. Calls from an earlier program are ignored. */
  #running = false;
  /** Programs that were started. */
  #runs = 0;
  #starting: Cancel | undefined;
  #console: Console;
  #reboots: boolean;
  #multicast: boolean;
  #random: () => number;
  #startMs = 0;
  #alarms: Alarms;
  #onEnd = () => {};
  #onException: (exception: unknown) => void;
  /** The program's hook for the exception that ends it. */
  #abortHook: AbortHook | undefined;

  constructor(options: BoardOptions) {
    const { kind, clock, wire } = options;
    this.kind = kind;
    this.clock = clock;
    this.#random = options.random;
    this.#reboots = options.reboots === true;
    this.#multicast = options.multicast === true && kind.sockets === "own";
    this.#onException = options.onException ?? (() => {});
    const { pacedConsole = false, onLine } = options;
    this.#uart = new Uart(clock, { paced: pacedConsole });
    this.adapter = new Adapter(clock, this.#uart, {
      hold: () => this.#hold(),
      release: mode => this.#start("power-on", kind.bootMs, mode),
    });
    this.flash = options.flash ?? new Flash();
    this.flash.onPowerLost = () => this.unplug();
    this.tasks = new Tasks(clock, kind.eventQueueLength, (reason, error) =>
      this.#die(reason, error),
    );
    this.#alarms = new Alarms(clock, this.tasks);
    this.#console = new Console(this.#uart, this.tasks, pacedConsole, onLine);
    const { heldBytes = () => 0 } = options;
    this.heap = new Heap(kind.heapBytes, () => this.stack.heldBytes + heldBytes());
    this.stack = new Stack({
      kind,
      clock,
      wire,
      tasks: this.tasks,
      publish: options.publish ?? (port => ({ port })),
      onListening: options.onListening ?? (() => {}),
      onFatal: reason => this.crash("panic", reason),
      freeHeapBytes: () => this.heap.freeBytes,
      onServerError:
        options.onWireError ??
        (error => {
          throw error;
        }),
    });
    const parts = {
      clock,
      rssi: kind.rssi,
      dnsServers: options.dnsServers,
      joinMs: kind.joinMs,
      link: kind.link,
      hasPhy: options.hasPhy ?? true,
      onChanged: (online: boolean) => {
        this.stack.online = online;
      },
      onAir: options.onWifi ?? (() => {}),
      onReaddressed: () => this.stack.readdress(),
      onAddress: options.onAddress ?? (() => {}),
    };
    const { address = "127.0.0.1", dhcp } = options;
    this.#station = dhcp && new Station({ ...parts, dhcp });
    this.wifi = this.#station ?? new WifiStation({ ...parts, address });
  }

  /** Power on. Without a DHCP server the Wi-Fi joins by itself. */
  boot(firmware: Firmware): void {
    this.#firmware = firmware;
    this.adapter.plugged = true;
    this.#start("power-on", this.#console.paced ? this.kind.bootMs : 0);
  }

  /** The button EN: the program ends and starts again. The chip takes it for a power on. */
  reset(): void {
    if (!this.adapter.plugged) return;
    this.#hold();
    this.#start("power-on", this.kind.bootMs);
  }

  /** The chip fails below the program: it prints its panic output, and halts or boots again. */
  crash(crash: Crash, reason: string = crash): void {
    if (!this.#running) return;
    this.fatal = reason;
    this.#console.panic(crash, this.#uptimeMs);
    this.#halt();
    if (this.#reboots) this.#start(crash, this.kind.bootMs);
  }

  /** The netmask, router and DNS servers of DHCP, or of the program; `undefined` without an address, or without a DHCP server. */
  get interfaceState(): Station["interfaceState"] {
    return this.#station?.interfaceState;
  }

  /** A program runs on it. */
  get isRunning(): boolean {
    return this.#running;
  }

  /** Alarms that the program has set and that have not rung. */
  get alarms(): number {
    return this.#alarms.size;
  }

  /** Power off: connections are reset, alarms never ring, the program gets no further callback. */
  unplug(): void {
    this.#hold();
    this.adapter.unplug();
  }

  /** The chip halts, and loses everything but its flash. */
  #hold(): void {
    this.#halt();
    this.#uart.powerOff();
  }

  #halt(): void {
    this.#running = false;
    this.#starting?.();
    this.#starting = undefined;
    this.wifi.watch(undefined);
    this.wifi.leave();
    this.tasks.clear();
    this.#alarms.clear();
    this.stack.abort();
    this.#sockets?.stop();
    this.#udp?.abort();
    this.#uart.serve(undefined);
    this.#console.halt();
    this.heap.reset();
    this.pins.release();
    this.#abortHook = undefined;
    const ended = this.#onEnd;
    this.#onEnd = () => {};
    ended();
  }

  #start(reason: ResetReason, ms: number, mode: BootMode = "flash"): void {
    this.#starting?.();
    this.#starting = undefined;
    this.resetReason = reason;
    this.#uart.powered = true;
    this.adapter.download = mode === "download";
    const flushMs = this.#console.drainMs; // esp_restart waits until the console is drained
    this.#console.banner(reason, mode);
    if (mode === "download") return;
    if (ms === 0) this.#run();
    else this.#starting = this.clock.after(flushMs + ms, () => this.#run());
  }

  #run(): void {
    this.#starting = undefined;
    this.fatal = undefined;
    this.#running = true;
    this.#startMs = this.clock.now();
    const sockets = this.kind.sockets === "own" ? ownSockets : sdkSockets;
    this.#sockets = sockets(this.stack);
    const family = defineTCP(this.stack, this.#sockets);
    this.#udp = defineUDP(this.stack, this.heap, this.#sockets);
    this.wifi.join();
    this.#guard(() => {
      this.flash.change(nvs => nvs.recover()); // part of the time that booting takes
      this.#firmware?.(this.#platform(family, this.#udp!));
    });
  }

  #platform(family: TCPFamily, { UDP }: UDPFamily): BoardPlatform {
    const { tasks } = this;
    const run = ++this.#runs;
    return {
      TCP: family.TCP,
      Listener: defineListener(this.stack, family),
      UDP,
      ...(this.#station && this.#driver(this.#station)),
      Digital: defineDigital(this.pins),
      ...(family.code.pipes && { Search }),
      Serial: defineSerial(this.#uart, tasks),
      storage: defineKeyValue(this.flash, ms => tasks.stall(tasks.busyMs + ms)),
      clock: {
        now: () => this.#uptimeMs,
        after: (ms, task) => this.#alarms.after(ms, () => this.#guard(task)),
      },
      link: this.#link(),
      connectionsMax: this.kind.connectionsMax,
      creation: this.kind.creation,
      closesListeners: family.code.closesListeners,
      multicast: this.#multicast,
      vitals: this.#vitals(),
      takeHeap: bytes => this.heap.take(bytes),
      random: this.#random,
      log: line => {
        // A program that has ended (and runs on in its catch blocks) logs nothing on the chip.
        if (this.#running && run === this.#runs) this.#console.log(line);
      },
      restart: () => {
        if (this.fatal === undefined) {
          this.#halt();
          this.#start("software", this.kind.bootMs);
        }
        throw new Error("restarted"); // on the chip the call never returns
      },
      onAbort: hook => {
        this.#abortHook = hook;
      },
      onEnd: task => {
        this.#onEnd = task;
      },
    };
  }

  #driver(station: Station): Pick<BoardPlatform, "WiFi" | "Ethernet"> {
    if (this.kind.link === "wifi") return { WiFi: defineWiFi(station, this.tasks) };
    return { Ethernet: defineEthernet(station, this.tasks, this.clock) };
  }

  #vitals(): Vitals {
    const board = this;
    return {
      resetReason: this.resetReason,
      get uptimeMs() {
        return board.#uptimeMs;
      },
      get freeHeapBytes() {
        return board.heap.freeBytes;
      },
      get heapFloorBytes() {
        return board.heap.floorBytes;
      },
      storageBytes: this.flash.bytes,
    };
  }

  #link(): Link {
    const { wifi } = this;
    return {
      kind: this.kind.link,
      get address() {
        return wifi.address;
      },
      rssi: wifi.rssi,
      get dnsServers() {
        return wifi.address === undefined ? [] : wifi.dnsServers;
      },
      rejoin: () => wifi.drop(this.kind.joinMs),
      watch: changed => wifi.watch(() => this.#alarms.whenFree(() => this.#guard(changed))),
    };
  }

  get #uptimeMs(): number {
    return this.clock.now() - this.#startMs;
  }

  #guard(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#die("unhandled exception", error);
    }
  }

  #abort(reason: string, exception: unknown): void {
    this.#onException(exception);
    if (this.#abortHook === undefined) {
      this.#console.abort(reason, exception);
      return;
    }
    try {
      this.#abortHook(reason, exception);
    } catch {
      // The hook has called `restart`, or has a bug itself: the board restarts either way.
    }
  }

  /** Stops after an exception, which restarts the chip at once, or a hang, which only the watchdog ends. */
  #die(reason: string, error?: unknown): void {
    if (!this.#running) return; // it has halted already
    this.fatal = reason;
    const hung = reason !== "unhandled exception";
    if (hung) this.#console.hang(reason);
    else this.#abort(reason, error);
    this.#halt();
    if (!this.#reboots) return;
    if (!hung) this.#start("software", this.kind.bootMs);
    else if (this.kind.taskWatchdogMs !== undefined) {
      this.#starting = this.clock.after(this.kind.taskWatchdogMs, () => {
        this.#console.panic("task-watchdog", this.#uptimeMs);
        this.#start("task-watchdog", this.kind.bootMs);
      });
    }
  }
}
