import { expect, test } from "vitest";
import { withoutSecrets, withSecrets } from "./secrets.ts";

const NAS = {
  name: "nas",
  mac: "24:0a:c4:00:00:01",
  secureOn: "01:02:03:04",
  sleep: { url: "http://10.0.0.5/", header: "Authorization: Bearer abc" },
};
const PC = { name: "pc", mac: "24:0a:c4:00:00:02", secureOn: "05:06:07:08" };
const DOCUMENT = { stickyKey: "very-secret-key", machines: [NAS, PC], retries: 1 };

test("a document is shown without its secrets, and is itself unchanged", () => {
  const before = structuredClone(DOCUMENT);
  expect(withoutSecrets(DOCUMENT)).toEqual({
    stickyKey: "********",
    machines: [
      { ...NAS, secureOn: "********", sleep: { url: "http://10.0.0.5/", header: "********" } },
      { ...PC, secureOn: "********" },
    ],
    retries: 1,
  });
  expect(DOCUMENT).toEqual(before);
});

test("put back as it was shown, a document has its secrets again; a further one stays as it is given", () => {
  const shown = withoutSecrets(DOCUMENT);
  expect(withSecrets(shown, DOCUMENT)).toEqual(DOCUMENT);
  const given = {
    machines: [
      { ...PC, secureOn: "09:0a:0b:0c" },
      { ...NAS, secureOn: "********" },
    ],
  };
  expect(withSecrets(given, DOCUMENT)).toEqual({
    machines: [{ ...PC, secureOn: "09:0a:0b:0c" }, NAS],
  });
});

test("a machine that is renamed keeps its secrets", () => {
  const { machines } = withoutSecrets(DOCUMENT) as typeof DOCUMENT;
  const renamed = { machines: [{ ...machines[0], name: "tower" }, machines[1]] };
  expect(withSecrets(renamed, DOCUMENT)).toEqual({ machines: [{ ...NAS, name: "tower" }, PC] });
});

test.each([
  { machines: "none" },
  { machines: [null, 3, [], { sleep: "x" }, { name: "nas", sleep: null }] },
  { machines: [{ secureOn: "********" }] },
])("whatever %j has instead of machines stays", document => {
  expect(withSecrets(document, {})).toEqual(document);
  expect(withSecrets(document, document)).toEqual(document);
  expect(withoutSecrets(document)).toEqual(document);
});
