import { test } from "node:test";
import assert from "node:assert/strict";
import { Tapes, word } from "./tapes.js";

const tape = { id: "one", dialog: "c1", on: false, begun: false, allowed: true, failed: false };

function stream() {
  const events = new EventTarget();
  return { events, tell: (t) => events.dispatchEvent(Object.assign(new Event("recording"), { data: JSON.stringify(t) })) };
}

test("each call has its own tape", async () => {
  const { events, tell } = stream();
  const asked = [];
  const tapes = new Tapes(events, async (id, on) => asked.push([id, on]));
  let told = 0;
  tapes.addEventListener("change", () => told++);
  assert.equal(tapes.of("c1"), null);
  assert.equal(tapes.of(undefined), null);
  tell(tape);
  tell({ ...tape, id: "two", dialog: "c2", on: true });
  assert.equal(tapes.of("c1").on, false);
  assert.equal(tapes.of("c2").on, true);
  assert.equal(await tapes.set(tapes.of("c1"), true), true);
  assert.deepEqual(asked, [["one", true]]);
  assert.equal(tapes.of("c1").on, false, "not before the gateway says so");
  assert.equal(told, 2);
});

test("what can't be switched says so", async () => {
  const { events, tell } = stream();
  const tapes = new Tapes(events, async () => { throw new Error("disk full"); });
  tell(tape);
  assert.equal(await tapes.set(tapes.of("c1"), true), false);
  assert.equal(word(tapes.of("c1")), "record.failed");
});

test("the word on the button", () => {
  for (const [facts, want] of [
    [{}, "record.off"], [{ on: true, begun: true }, "record.on"], [{ begun: true }, "record.paused"], [{ failed: true, begun: true }, "record.failed"],
    [{ allowed: false }, ""], [{ allowed: false, on: true, begun: true }, "record.on"],
  ]) assert.equal(word({ ...tape, ...facts }), want);
  assert.equal(word(null), "");
});
