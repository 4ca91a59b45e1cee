import { test } from "node:test";
import assert from "node:assert/strict";
import { Troubles, trouble } from "./trouble.js";

test("one word about what is wrong", () => {
  const of = (...list) => trouble(list.map(([own, kind]) => ({ own, kind })));
  assert.equal(of(), "");
  assert.equal(of([true, "silent"], [true, "one_way"]), "microphone");
  assert.equal(of([false, "silent"], [false, "one_way"]), "silent");
  assert.equal(of([false, "address"]), "silent");
  assert.equal(of([false, "silent"], [true, "muted"]), "microphoneSilent"); // the own side first: there something can be done
  assert.equal(of([true, "loss_in"], [true, "ice"]), "blocked");
  assert.equal(of([false, "muted"]), "theyMute");
  assert.equal(of([true, "loss_out"]), ""); // the page counts that itself
});

test("troubles of each call, as they come and go", () => {
  const events = new EventTarget();
  const troubles = new Troubles(events);
  let changes = 0;
  troubles.addEventListener("change", () => changes++);
  const tell = (concern) => events.dispatchEvent(Object.assign(new Event("media"), { data: JSON.stringify(concern) }));
  const silent = { call: "1", sip: "a", own: true, kind: "silent" };
  tell(silent);
  tell(silent); // told again
  tell({ call: "2", sip: "b", own: false, kind: "silent" });
  assert.deepEqual(["a", "b", "c", undefined].map((id) => troubles.of(id)), ["microphone", "silent", "", ""]);
  tell({ ...silent, ended: 5 });
  assert.deepEqual(["a", "b"].map((id) => troubles.of(id)), ["", "silent"]);
  events.dispatchEvent(new Event("open")); // what still goes on follows
  assert.equal(troubles.of("b"), "");
  assert.equal(changes, 5);
});
