import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { get, HttpClient } from "../../../hil/kit/http-lab.ts";

describe("a backend's connection is not used again", () => {
  test("when half a request's head was sent on it", async () => {
    const lab = new EmulatedLab();
    const received: string[] = [];
    lab.backend("a", socket => {
      const mine = received.push("") - 1;
      socket.on("data", (bytes: Buffer) => {
        received[mine] += bytes.toString("latin1");
        if (received[mine].startsWith("GET /long ") && bytes.includes("/long ")) {
          // The backend answers after the first line, and reads the rest later.
          socket.write("HTTP/1.1 431 Too long\r\nContent-Length: 0\r\n\r\n");
          socket.pause();
          lab.clock.after(50, () => socket.resume());
        } else if (received[mine].endsWith("\r\n\r\n")) {
          socket.write(reply("a"));
        }
      });
    });
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(get("/long", `A: ${"b".repeat(3900)}`) + get("/next"), "GET", "GET");
    await lab.clock.run({ ms: 1000 });
    expect(client.statuses).toEqual([431, 200]);
    expect(received.map(text => text.split(" ", 2)[1])).toEqual(["/long", "/next"]);
  });

  test("when more than the response arrived, also in the same segment", async () => {
    const lab = new EmulatedLab();
    const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    const a = lab.backend("a", socket => {
      socket.on("data", () => socket.write(chunked + reply("unsolicited")));
    });
    await lab.serve();
    for (let i = 0; i < 2; i++) {
      expect(await lab.ask("GET / HTTP/1.0\r\nHost: x\r\n\r\n")).toMatch(/\r\n\r\nok$/);
    }
    expect(a.connections.length).toBe(2);
  });
});
