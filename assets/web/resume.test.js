import { test } from "node:test";
import assert from "node:assert/strict";
import { keep, kept, replaces } from "./resume.js";

function storage() {
  const items = new Map();
  return { getItem: (k) => items.get(k) ?? null, setItem: (k, v) => items.set(k, v), removeItem: (k) => items.delete(k), items };
}

const call = { dialog: { callId: "c1", local: "l", remote: "r" }, peer: { name: "Bob", number: "102", uri: "sip:102@x" }, direction: "out", since: 5_000, muted: true, held: true };

test("a call is kept for the next page, once", () => {
  const s = storage();
  keep(s, [call], 10_000);
  assert.deepEqual(kept(s, 11_000), [call]);
  assert.deepEqual(kept(s, 11_000), []);
});

test("a call that the gateway has given up is not taken over", () => {
  const s = storage();
  keep(s, [call], 10_000);
  assert.deepEqual(kept(s, 40_000), []);
  keep(s, [call], 10_000);
  assert.deepEqual(kept(s, 9_000), []); // the clock was set back
});

test("what somebody else stored is no call", () => {
  const s = storage();
  for (const text of ["{", "7", "null", "{}", '{"left":1}', '{"left":1,"calls":[{"dialog":{"callId":""},"peer":{"uri":"x"},"since":1}]}', '{"left":1,"calls":[{}]}']) {
    s.setItem("cordboard.calls", text);
    assert.deepEqual(kept(s, 2), [], text);
  }
});

test("the header names the dialog as the gateway sees it", () => {
  assert.equal(replaces(call.dialog), "Replaces: c1;to-tag=r;from-tag=l");
});
