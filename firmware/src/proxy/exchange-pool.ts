import { sparesMaxOf } from "../http1/head-pool.ts";
import type { Platform } from "../platform.ts";
import type { ProxyContext } from "./context.ts";
import { Exchange } from "./exchange.ts";

/** The context of HTTP sessions. */
export interface HttpContext extends ProxyContext {
  readonly exchanges: ExchangePool;
}

/** A pool of exchanges: idle connections of clients hold none. */
export class ExchangePool {
  /** The first `count` are spare: an array that shrinks and grows would be copied. */
  private spare: Exchange[] = [];
  private count = 0;
  private countMax: number;

  constructor(platform: Platform) {
    this.countMax = sparesMaxOf(platform);
  }

  take(context: ProxyContext): Exchange {
    return this.count > 0 ? this.spare[--this.count] : new Exchange(context);
  }

  /** The exchange is over: releases all, and keeps the object for another request. It must not be used any more. */
  give(exchange: Exchange): void {
    exchange.release();
    exchange.reset();
    if (this.count < this.countMax) this.spare[this.count++] = exchange;
  }
}
