import { test } from "node:test";
import assert from "node:assert/strict";
import { Recent } from "./recent.js";

function storage(start = {}) {
  const kept = new Map(Object.entries(start));
  return { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v) };
}

const entry = (at) => ({ name: "Bob", number: "102", uri: "sip:102@x", direction: "out", missed: false, at });

test("newest first, twenty at most, each user alone", () => {
  const shared = storage();
  const alice = new Recent(shared, "alice");
  for (let at = 1; at <= 40; at++) alice.add({ ...entry(at), uri: `sip:${at}@x` });
  assert.equal(alice.entries.length, 20);
  assert.equal(alice.entries[0].at, 40);
  assert.equal(new Recent(shared, "bob").entries.length, 0);
  alice.clear();
  assert.deepEqual(alice.entries, []);
});

test("the same call again is counted", () => {
  const recent = new Recent(storage(), "alice");
  for (const at of [1, 2, 3]) recent.add(entry(at));
  recent.add({ ...entry(4), missed: true });
  assert.deepEqual(recent.entries.map((e) => [e.at, e.times ?? 1]), [[4, 1], [3, 3]]);
});

test("a recorded call keeps its own row", () => {
  const recent = new Recent(storage(), "alice");
  recent.add(entry(1));
  recent.taped("sip:102@x", "one");
  recent.taped("sip:nobody@x", "two");
  recent.add(entry(2));
  assert.deepEqual(recent.entries.map((e) => [e.at, e.recording]), [[2, undefined], [1, "one"]]);
});

test("strange contents count as an empty list", () => {
  for (const text of ["", "{", "7", "null", '[{"name":1}]', "[null]"]) {
    assert.deepEqual(new Recent(storage({ "cordboard.recent.alice": text }), "alice").entries, [], text);
  }
});

test("storage that refuses does no harm", () => {
  const refusing = { getItem() { throw new Error("no"); }, setItem() { throw new Error("no"); } };
  const recent = new Recent(refusing, "alice");
  let told = 0;
  recent.addEventListener("change", () => told++);
  recent.add(entry(1));
  assert.deepEqual(recent.entries, []);
  assert.equal(told, 1);
});
