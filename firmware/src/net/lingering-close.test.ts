import { expect, test } from "vitest";
import type { Platform, SocketFailure, TCPCallbacks } from "../platform.ts";
import { Endpoint } from "./endpoint.ts";
import { type CloseOptions, LingeringClose } from "./lingering-close.ts";

/** A client that has received 40 bytes and has not acknowledged them, and its lingering close. */
function closing(options: CloseOptions & { resets?: true; sdk?: true } = {}) {
  const { resets, sdk, ...rest } = options;
  const calls: string[] = [];
  let callbacks!: TCPCallbacks;
  class SdkTCP {
    constructor(given: TCPCallbacks) {
      callbacks = given;
      Object.assign(this, { target: given.target });
    }
    read(): void {}
    write(): number {
      return 60;
    }
    close(reset?: boolean): void {
      calls.push(reset ? "reset" : "close");
    }
  }
  class OwnTCP extends SdkTCP {
    end(): void {
      calls.push("end");
    }
  }
  const platform = { TCP: sdk ? SdkTCP : OwnTCP } as unknown as Platform;
  const failed = (error: unknown) => {
    throw error;
  };
  const address = { address: "10.0.0.1", port: 1 };
  const client = new Endpoint(platform, address, { onReady: () => {}, failed });
  callbacks.onWritable.call(client.socket, 100);
  client.write(new Uint8Array(40));
  client.resets = resets;
  const owner = { closed: () => void calls.push("over"), failed };
  new LingeringClose(owner, client, new Uint8Array(4), rest).onReady();
  return {
    calls,
    receive: (bytes: number) => callbacks.onReadable.call(client.socket, bytes),
    acknowledge: () => callbacks.onWritable.call(client.socket, 100),
    end: () => callbacks.onEnd!.call(client.socket),
    lose: (failure?: SocketFailure) => callbacks.onError.call(client.socket, failure),
  };
}

test("a client is closed when it has acknowledged everything", () => {
  const { calls, acknowledge } = closing();
  expect(calls).toEqual([]);
  acknowledge();
  expect(calls).toEqual(["close", "over"]);
});

test("a client that is still sending gets FIN at once, and is closed when its own has come", () => {
  const { calls, receive, end } = closing({ waitForClientFin: true });
  expect(calls).toEqual(["end"]);
  receive(3);
  expect(calls).toEqual(["end"]);
  end();
  expect(calls).toEqual(["end", "close", "over"]);
});

test("or when it is lost", () => {
  const { calls, lose } = closing({ waitForClientFin: true });
  lose("reset");
  expect(calls).toEqual(["end", "close", "over"]);
});

test("with the SDK's sockets its FIN is awaited without one of ours", () => {
  const { calls, acknowledge, lose } = closing({ waitForClientFin: true, sdk: true });
  acknowledge();
  expect(calls).toEqual([]);
  lose();
  expect(calls).toEqual(["close", "over"]);
});

test("a client that shall be reset gets all bytes first, and no FIN", () => {
  const { calls, acknowledge } = closing({ waitForClientFin: true, resets: true });
  expect(calls).toEqual([]);
  acknowledge();
  expect(calls).toEqual(["reset", "over"]);
});
