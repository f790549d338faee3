import { Responder } from "../dns/responder.ts";
import type { Report } from "../log/event.ts";
import type { Platform } from "../platform.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import { VERSION } from "../version.ts";

export interface BoardNameParts {
  readonly platform: Platform;
  readonly proxy: ReverseProxy;
  readonly report: Report;
}

/** The board's name by multicast DNS. Its responder is made when the configuration has a name and the network multicast. */
export class BoardName {
  #parts: BoardNameParts;
  #build: string | undefined;
  #responder: Responder | undefined;

  constructor(parts: BoardNameParts, build: string | undefined) {
    this.#parts = parts;
    this.#build = build;
  }

  /** The name, such as `hot-potato.local`; `undefined` while the board has none. */
  get value(): string | undefined {
    return this.#responder?.name;
  }

  /** To be called when the network or the configuration has changed. */
  update(): void {
    const { platform, proxy } = this.#parts;
    const { network, adminPort, listeners } = proxy.config;
    const { hostname } = network;
    if (this.#responder === undefined) {
      if (!platform.multicast || hostname === "") return;
      this.#responder = new Responder(this.#parts, proxy.shared.scratch);
    }
    const texts = [`version=${VERSION}`, `build=${this.#build ?? ""}`, `admin=${adminPort}`];
    this.#responder.update({ hostname, adminPort, port: listeners[0].port, texts });
  }

  stop(): void {
    this.#responder?.stop();
  }
}
