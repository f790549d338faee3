import { expect } from "expect";
import { scenario } from "../kit/scenario.ts";

for (const [first, second, forwarded] of [
  ["hello EN", "D and more", "hello END"],
  ["E", "END tail", "EEND"],
  ["ENE", "ND", "ENEND"],
]) {
  scenario(
    `END ends the connection, also cut as "${first}" and "${second}"; what follows it is not sent on`,
    async lab => {
      const red = lab.backend("red");
      const client = lab.client();
      await lab.proxy();

      client.send(first);
      await client.receive(first);
      client.send(second);
      const { error } = await client.closed();
      await lab.until({ on: "session", what: "end", why: "keyword" });

      expect(error).toBeUndefined();
      expect(red.received).toBe(forwarded);
    },
  );
}

scenario("a keyword in an HTTP upload has no effect", async lab => {
  const red = lab.backend("red");
  await lab.proxy();

  const reply = await lab.get("/file", { method: "PUT", body: "THE END" });

  expect(reply.status).toBe(200);
  expect(red.requests[0].body.toString()).toBe("THE END");
});

scenario(
  "a keyword alone on its line ends the connection, within a line it does not",
  async lab => {
    lab.backend("red");
    const client = lab.client();
    await lab.proxy({ inspect: [{ keyword: "quit", match: "line" }] });

    client.send("do not quit yet\r\n");
    const within = await client.receive("yet\r\n");
    client.send("quit\r\n");
    await client.closed();
    await lab.until({ on: "session", what: "end", why: "keyword" });

    expect(within).toBe("do not quit yet\r\n");
  },
);

scenario("a keyword of the backend is delivered, then the connection ends", async lab => {
  lab.backend("red", { raw: "answer", body: "it was BYE and more" });
  const client = lab.client();
  await lab.proxy({ inspect: [{ keyword: "BYE", from: "backend" }] });

  client.send("hello");
  const { received } = await client.closed();
  await lab.until({ on: "session", what: "end", why: "keyword" });

  expect(received).toBe("it was BYE");
});

scenario("the answer to a keyword is delivered before the connection is closed", async lab => {
  lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  client.send("hello\nEND\n");
  const { received, error } = await client.closed();
  await lab.until({ on: "session", what: "end", why: "keyword" });

  expect(received).toBe("hello\nEND");
  expect(error).toBeUndefined();
});

scenario("a binary stream is not searched for keywords, and the log says so", async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  client.send("\x16\x03\x01 THE END of a TLS hello");
  await client.receive("hello");
  await lab.until({ on: "session", what: "binary", from: "client" });
  client.send("\nEND\n and more");
  await client.receive("and more");

  expect(red.received).toBe("\x16\x03\x01 THE END of a TLS hello\nEND\n and more");
});
