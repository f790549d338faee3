import { expect } from "expect";
import { scenario } from "../kit/scenario.ts";

scenario(
  "a board that is reset under load drops its clients, and serves them again",
  { needs: ["reset"] },
  async lab => {
    lab.backend("red");
    lab.backend("blue");
    const clients = lab.clients(6);
    await lab.proxy();

    for (const client of clients) client.send("before");
    await Promise.all(clients.map(client => client.receive("before")));
    const closed = clients.map(client => client.closed());
    await lab.board.reset();
    const ended = await Promise.all(closed);
    for (const client of clients) client.send("after");
    const after = await Promise.all(clients.map(client => client.receive("after")));

    expect(ended.map(({ received }) => received)).toEqual(Array(6).fill("before"));
    expect(after).toEqual(Array(6).fill("after"));
  },
);

scenario(
  "with a key, a browser's cookie outlasts a reset of the board",
  { needs: ["reset"] },
  async lab => {
    lab.backend("red");
    lab.backend("blue");
    await lab.proxy({ sticky: "cookie", stickyKey: "a-key-of-ours" });

    const first = await lab.get("/");
    const headers = { Cookie: first.headers["set-cookie"].split(";")[0] };
    await lab.board.reset();
    const after = [await lab.get("/", { headers }), await lab.get("/", { headers })];

    expect(after.map(({ by }) => by)).toEqual([first.by, first.by]);
  },
);

scenario(
  "a board that loses its power sends nothing; its clients are reset when it is back",
  {
    needs: ["reset", "simulated-network"],
  },
  async lab => {
    lab.backend("red");
    const client = lab.client();
    await lab.proxy();

    client.send("before");
    await client.receive("before");
    const silence = lab.network.vanish("board");
    const serving = lab.board.reset();
    client.send("ping");
    silence();
    await serving;
    const { error } = await client.closed();
    const next = await lab.get("/");

    expect(error).toBe("ECONNRESET");
    expect(next.status).toBe(200);
  },
);
