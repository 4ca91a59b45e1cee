import { test } from "node:test";
import assert from "node:assert/strict";
import { Lamps, pickup } from "./lamps.js";

test("lamps by name, each with its latest state, and messages", () => {
  const events = new EventTarget();
  const lamps = new Lamps(events);
  let changes = 0;
  lamps.addEventListener("change", () => changes++);
  const tell = (type, data) => events.dispatchEvent(Object.assign(new Event(type), { data: JSON.stringify(data) }));
  tell("lamp", { target: "carol", name: "Carol", extension: "103", state: "idle" });
  tell("lamp", { target: "bob", name: "", extension: "", state: "unreachable" });
  tell("lamp", { target: "carol", name: "Carol", extension: "103", state: "busy" });
  tell("voicemail", { new: 2, old: 1 });
  assert.deepEqual(lamps.list.map((l) => [l.target, l.state]), [["bob", "unreachable"], ["carol", "busy"]]);
  assert.equal(lamps.messages, 2);
  assert.equal(changes, 4);
  const has = (uri) => lamps.has({ name: "", number: "", uri }, "x");
  assert.deepEqual(["sip:carol@x", "sip:103@x", "sip:bob@x", "sip:104@x", "sip:carol@y", "sip:@x"].map(has), [true, true, true, false, false, false]);
  const known = (number, uri) => lamps.known({ name: "", number, uri }, "x");
  assert.deepEqual(known("", "sip:carol@x"), { name: "Carol", number: "carol", uri: "sip:carol@x" });
  assert.deepEqual(known("103", "sip:103@x"), { name: "Carol", number: "103", uri: "sip:103@x" });
  assert.deepEqual(known("104", "sip:104@x"), { name: "", number: "104", uri: "sip:104@x" });
  tell("lamp", { target: "dave@workshop", name: "Dave", extension: "", state: "idle", site: "Workshop" });
  assert.equal(lamps.has({ name: "", number: "", uri: "sip:dave@workshop" }, "x"), true);
  tell("lamp", { target: "dave@workshop", name: "Dave", extension: "", state: "idle", site: "Workshop", gone: true });
  assert.deepEqual(lamps.list.map((l) => l.target), ["bob", "carol"]);
  assert.deepEqual([pickup("103"), pickup("")], ["*8103", ""]);
});
