import { expect, test } from "vitest";
import { adminLab, change, statusOf } from "../../../hil/kit/admin-lab.ts";
import { send } from "../../../hil/kit/admin-port.ts";
import type { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { MdnsPeer } from "../../../hil/kit/mdns-peer.ts";

// The board's own name: multicast DNS on the board, and where the name is shown.

const NAMED = { multicast: true };

const claimed = (lab: EmulatedLab) => lab.lines.filter(line => line.includes(" mdns: claimed "));
const untilClaimed = async (lab: EmulatedLab, count = 1) => {
  await lab.clock.run({ until: () => claimed(lab).length >= count, ms: 30_000 });
  return /name=(\S+)/.exec(claimed(lab).at(-1) ?? "")?.[1];
};

test("a board claims its name when it has joined, says so in the log and gives its address", async () => {
  const lab = await adminLab({}, undefined, NAMED);
  expect(await untilClaimed(lab)).toBe("hot-potato.local");
  const peer = new MdnsPeer(lab.network, "peer");
  peer.ask("hot-potato.local", "A");
  await lab.clock.run({ until: () => peer.received.length > 0, ms: 5000 });
  expect(peer.addressesOf("hot-potato.local")).toEqual([lab.board.wifi.address]);
  expect((await statusOf(lab)).name).toBe("hot-potato.local");
});

test("of two hosts with one name the later one gets -2; the admin port accepts both names of it, and no third", async () => {
  const lab = await adminLab({ network: { hostname: "kitchen" } }, undefined, NAMED);
  new MdnsPeer(lab.network, "peer").own("kitchen.local", "10.0.0.77");
  lab.board.reset(); // it probes with the peer there
  const hosts = async (...names: string[]) => {
    const statuses: number[] = [];
    for (const name of names) {
      const { status } = await send(lab, `GET /api/status HTTP/1.1\r\nHost: ${name}:8404\r\n\r\n`);
      statuses.push(status);
    }
    return statuses;
  };
  expect(await untilClaimed(lab)).toBe("kitchen-2.local");
  expect((await statusOf(lab)).name).toBe("kitchen-2.local");
  expect(await hosts("kitchen.local", "kitchen-2.local", "Kitchen.LOCAL.")).toEqual([
    200, 200, 200,
  ]);
  expect(await hosts("kitchen-3.local", "hot-potato.local")).toEqual([403, 403]);
});

test("another name in the configuration is claimed at once, and an empty one turns the responder off", async () => {
  const lab = await adminLab({}, undefined, NAMED);
  const peer = new MdnsPeer(lab.network, "peer");
  await untilClaimed(lab);
  await change(lab, { network: { hostname: "garage" } });
  expect(await untilClaimed(lab, 2)).toBe("garage.local");
  await change(lab, { network: { hostname: "" } });
  await lab.clock.run({ ms: 3000 });
  expect((await statusOf(lab)).name).toBeNull();
  peer.received.length = 0;
  peer.ask("garage.local", "A");
  await lab.clock.run({ ms: 1000 });
  expect(peer.received).toEqual([]);
});

test("the name follows the board to another address", async () => {
  const lab = await adminLab({}, undefined, NAMED);
  const peer = new MdnsPeer(lab.network, "peer");
  await untilClaimed(lab);
  lab.board.wifi.renew("10.0.0.99");
  await lab.clock.run({ ms: 5000 });
  expect(peer.addressesOf("hot-potato.local").at(-1)).toBe("10.0.0.99");
});

test("the console shows the name", async () => {
  const lab = await adminLab({}, undefined, NAMED);
  lab.board.adapter.plugged = true;
  await untilClaimed(lab);
  lab.board.adapter.send(Buffer.from("status\r"));
  await lab.clock.run({ ms: 1500 });
  expect(lab.lines).toContain("name=hot-potato.local");
});

test("without multicast in its network a board opens no socket for it", async () => {
  const lab = await adminLab();
  await lab.clock.run({ ms: 5000 });
  expect(lab.network.netstat("board").filter(({ state }) => state === "udp")).toEqual([]);
  expect((await statusOf(lab)).name).toBeNull();
});
