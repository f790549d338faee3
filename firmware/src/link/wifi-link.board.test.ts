import { expect, test } from "vitest";
import { collect, EmulatedLab, echoes, says } from "../../../hil/kit/emulated-lab.ts";

test("a new address from DHCP: connections are reset, the log names it, and the board goes on serving", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", echoes);
  await lab.serve({ inspect: [] });
  const client = lab.connect();
  const received = collect(client);
  client.write("hello");
  await lab.clock.run({ until: () => received.text === "hello" });

  lab.renewAddress("10.0.0.77");
  await lab.clock.run({ until: () => client.closed });

  expect(received.error).toBe("ECONNRESET");
  expect(lab.events("net").map(({ values }) => values.ip)).toEqual(["10.0.0.1", "10.0.0.77"]);
  const next = lab.connect();
  const again = collect(next);
  next.write("again");
  await lab.clock.run({ until: () => again.text === "again" });
  expect(lab.board.fatal).toBe(undefined);
});

test("the address after a loss of the Wi-Fi is logged", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", says("a"));
  await lab.serve();
  lab.wifiDrop(2_000);
  lab.renewAddress("10.0.0.77");
  await lab.clock.run({ until: () => lab.events("net").length === 2 });
  expect(lab.events("net").at(-1)?.values.ip).toBe("10.0.0.77");
  expect(await lab.ask("hello")).toContain("a: hello");
});
