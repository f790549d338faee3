import { afterEach, expect, test, vi } from "vitest";
import { send, TOKEN } from "../../../hil/kit/admin-port.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { named } from "../../../hil/kit/http-backend.ts";
import { JsonParser } from "../config/json.ts";

const BODY = JSON.stringify({ backends: [{ address: "10.0.0.2", port: 80 }] });
const HEAD = ["PUT /api/config HTTP/1.1", "Host: board:8404", `Content-Length: ${BODY.length}`];
const JSON_BODY = "Content-Type: application/json";
const BEARER = `Authorization: Bearer ${TOKEN}`;

afterEach(() => vi.restoreAllMocks());

test.each([
  ["no token is set", undefined, [JSON_BODY, BEARER], 403],
  ["it has no token", TOKEN, [JSON_BODY], 401],
  ["it is no JSON", TOKEN, [BEARER, "Content-Type: text/plain"], 415],
  ["it may change something", TOKEN, [BEARER, JSON_BODY], 200],
])(
  "the body of a change is parsed only if that is not refused: %s",
  async (_, token, fields, status) => {
    const read = vi.spyOn(JsonParser.prototype, "read");
    const lab = new EmulatedLab();
    lab.backend("a", named("a").serve);
    await lab.serve();
    if (token !== undefined) lab.app!.runtime.token.set(token);
    const answer = await send(lab, `${[...HEAD, ...fields].join("\r\n")}\r\n\r\n${BODY}`);
    expect(answer.status).toBe(status);
    expect(read.mock.calls.length > 0).toBe(status === 200);
  },
);
