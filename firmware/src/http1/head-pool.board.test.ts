import { expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";

/** Bytes of a request's line that fit into a head of the default length, with its fields. */
const LONG = 8_900;
const CLIENTS = 12;

const filled = (piece: string) => piece.repeat(Math.floor(LONG / piece.length));
const target = (text: string) => `GET ${text} HTTP/1.1\r\nHost: x\r\n\r\n`;

// On the chip's engine memory is as short as on the chip: past its end the board restarts.
test.each([
  ["letters", target(`/${filled("a")}`)],
  ["a path of parameters", target(filled("/;"))],
  ["a path of encoded slashes", target(`/api${filled("/%2f")}`)],
  ["a path of dots", target(`/${filled("a/../")}`)],
  ["a path that a route takes the beginning of", target(`/api${filled("/%61")}`)],
  [
    "a cookie of ours again and again",
    target("/").replace("\r\n\r\n", `\r\nCookie: a${filled(";lb=")}\r\n\r\n`),
  ],
])(
  "twelve clients at once, each with %s as long as a head may be, do not end the board",
  async (_, head) => {
    const lab = new EmulatedLab();
    lab.backend("a", httpBackend(() => reply("a")).serve);
    // As fast as the host sends: memory is asked for before it is taken, not looked after in time.
    lab.network.link("board", { latencyMs: 2 });
    const routes = [{}, { path: "/api", strip: true }];
    await lab.serve({ sticky: "cookie", routes, trustedProxies: ["10.0.0.0/8"] });
    for (let round = 0; round < 3; round++) {
      const clients = Array.from({ length: CLIENTS }, (_, i) => {
        const client = lab.connect({ host: lab.network.host(`client-${i}`) });
        const received = { text: "" };
        client.on("data", (bytes: Buffer) => {
          received.text += bytes.toString("latin1");
          client.end();
        });
        client.on("error", () => {});
        client.write(head);
        return { client, received };
      });
      await lab.clock.run({ until: () => clients.every(({ client }) => client.closed) });
      expect(lab.board.fatal).toBeUndefined();
      // Where memory is low some are refused or cut; each request has an end.
      for (const { received } of clients)
        expect(received.text).toMatch(/^(HTTP\/1\.1 (200|414|503) |$)/);
    }
  },
);
