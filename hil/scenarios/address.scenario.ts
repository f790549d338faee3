import { expect } from "expect";
import { patterned } from "../../backends/src/scripted.ts";
import { scenario } from "../kit/scenario.ts";

const NAME = "hot-potato.local";

const OTHER_ADDRESS = "10.0.0.200";

scenario(
  "DHCP gives the board another address: its connections end at once, and clients that ask for its name come back",
  { needs: ["dhcp"] },
  async lab => {
    lab.backend("red", { bodyBytes: 200_000, bytesPerSecond: 10_000 });
    lab.backend("blue");
    await lab.proxy({ inspect: [] });
    await lab.until({ on: "mdns", what: "claimed" });
    const before = await lab.resolve(NAME);

    const tv = lab.client("tv", before);
    const film = tv.get("/film");
    await tv.receive("\r\n\r\n");
    const laptop = lab.client("laptop", before);
    const page = await laptop.get("/");
    const shell = lab.client("shell", before);
    shell.send("hello");
    await shell.receive("hello");
    lab.dhcp.renew(OTHER_ADDRESS);
    const renewedMs = lab.nowMs;
    const cut = await film;
    const cutMs = lab.nowMs - renewedMs;
    await Promise.all([laptop.closed(), shell.closed()]);
    const endedMs = lab.nowMs - renewedMs;

    await lab.until({ on: "net" });
    await lab.until({ on: "mdns", what: "claimed" });
    const after = await lab.resolve(NAME);
    const backMs = lab.nowMs - renewedMs;
    const replies = await Promise.all(
      ["laptop", "tv", "phone"].map(host => lab.client(host, after).get("/again")),
    );
    const stale = lab.client("laptop", before);
    await expect(stale.connect()).rejects.toThrow("EHOSTUNREACH");

    expect(page.status).toBe(200);
    expect([cut.cutShort, tv.error, laptop.error, shell.error]).toEqual([
      true,
      "ECONNRESET",
      "ECONNRESET",
      "ECONNRESET",
    ]);
    expect(Math.max(cutMs, endedMs)).toBeLessThan(1_000);
    expect([before, after]).toEqual(["10.0.0.1", OTHER_ADDRESS]);
    expect(backMs).toBeLessThan(15_000);
    expect(replies.map(({ status, cutShort }) => [status, cutShort])).toEqual(
      Array(3).fill([200, false]),
    );
    expect(lab.logged({ on: "net" }).flatMap(({ values: { ip } }) => ip ?? [])).toEqual([
      "10.0.0.1",
      OTHER_ADDRESS,
    ]);
  },
);

scenario(
  "a lease that is renewed without another address, a hundred times, is not noticed by a download",
  { needs: ["dhcp"] },
  async lab => {
    const body = patterned(100_000);
    lab.backend("red", { body, bytesPerSecond: 10_000 });
    const client = lab.client();
    await lab.proxy();

    const download = client.get("/film");
    await client.receive("\r\n\r\n");
    for (let i = 1; i <= 100; i++) lab.later(i * 50, () => lab.dhcp.renew("10.0.0.1"));
    const reply = await download;

    expect([reply.cutShort, reply.body === body]).toEqual([false, true]);
    expect(lab.logged({ on: "net", what: "lost" })).toEqual([]);
  },
);

scenario(
  "a name that another host has: the board takes the next one, under which clients find it, and the other host keeps its own",
  { needs: ["dhcp"] },
  async lab => {
    const theirs = "10.0.0.77";
    lab.backend("red");
    lab.occupy(NAME, theirs);
    await lab.proxy();
    const conflict = await lab.until({ on: "mdns", what: "conflict" });
    const claimed = await lab.until({ on: "mdns", what: "claimed" });
    const addresses = [await lab.resolve(NAME), await lab.resolve("hot-potato-2.local")];
    const reply = await lab.client("laptop", addresses[1]).get("/");

    expect([conflict.values.name, claimed.values.name]).toEqual([NAME, "hot-potato-2.local"]);
    expect(addresses).toEqual([theirs, "10.0.0.1"]);
    expect(reply.status).toBe(200);
  },
);
