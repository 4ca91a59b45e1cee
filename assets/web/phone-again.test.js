import { test } from "node:test";
import assert from "node:assert/strict";
import { phone } from "./phone.fake.js";

test("a line that was lost takes its calls over", async (t) => {
  const { p, did, tell, connect, hears } = phone(t);
  await p.dial("102");
  tell("accepted");
  p.toggleMute();
  connect("lost");
  connect("ready");
  assert.equal(did.at(-1), "1: call sip:102@x for c0");
  assert.ok(p.call.facts.renewing);
  tell("ended", { by: "system", cause: "RTP Timeout" }, 0); // of the old leg
  tell("accepted", {}, 1);
  assert.deepEqual([p.call.state, p.call.facts.renewing, hears(1)], ["talking", false, false]);
  assert.deepEqual(did.slice(-2).sort(), ["1: mute", "hang up"]);
  connect("ready");
  assert.equal(p.call.facts.renewing, false); // nothing was lost

  connect("lost");
  tell("ended", { by: "system", cause: "RTP Timeout" }, 1);
  assert.deepEqual([p.call.state, p.call.facts.renewing], ["talking", true]);
  connect("ready");
  tell("ended", { by: "system", cause: "Connection Error" }, 2); // lost once more
  connect("lost");
  connect("ready");
  assert.equal(did.at(-1), "3: call sip:102@x for c1");
  tell("ended", { by: "remote", cause: "Dialog Error", code: 481 }, 3);
  assert.equal(p.call.facts.outcome.key, "failed.connection");
});

test("hanging up while the line is lost", async (t) => {
  const { p, tell, legs, connect } = phone(t);
  await p.dial("102");
  tell("accepted");
  connect("lost");
  legs[0].over = true;
  tell("ended", { by: "system", cause: "RTP Timeout" });
  p.hangUp();
  assert.equal(p.call.facts.outcome.key, "ended.local");
});

test("a cut path makes the connection anew, only in a call", async (t) => {
  const { p, did, tell } = phone(t);
  p.networkChanged();
  await p.dial("102");
  tell("accepted");
  tell("cut");
  assert.deepEqual(did.filter((d) => d === "reconnect"), ["reconnect"]);
});

test("a reloaded page holds the call that was on hold", async (t) => {
  const first = phone(t);
  await first.p.dial("102");
  first.tell("accepted");
  first.p.toggleHold();

  const second = phone(t);
  await second.p.resume(first.p.resumable);
  assert.equal(second.hears(), false); // not for a moment
  second.tell("held", { by: true });
  second.tell("accepted");
  assert.equal(second.p.call.hold, "both");
  assert.ok(second.did.includes("hold"));
});

test("a reloaded page goes on with the calls it had", async (t) => {
  const first = phone(t);
  await first.p.dial("102");
  assert.deepEqual(first.p.resumable, []); // not up yet
  first.tell("accepted");
  await first.p.dial("103");
  first.tell("accepted");
  first.p.toggleMute();
  const left = first.p.resumable;
  const { since } = first.p.call.facts;
  assert.deepEqual(left.map((l) => [l.dialog.callId, l.held, l.muted]), [["c1", false, true], ["c0", true, false]]);

  const second = phone(t);
  await second.p.resume(left);
  assert.deepEqual([second.p.call.state, second.p.call.facts.peer.number, second.p.others[0].state], ["calling", "103", "calling"]);
  for (const n of [0, 1]) second.tell("accepted", {}, n);
  assert.equal(second.p.call.facts.since, since);
  assert.deepEqual([second.hears(0), second.hears(1)], [false, false]);
  assert.deepEqual(second.did, ["1: call sip:103@x for c1", "call sip:102@x for c0", "hold", "1: mute"]);
  assert.equal(second.p.recent.entries.length, 0); // they are the same calls

  const late = phone(t);
  await late.p.resume(left.slice(0, 1));
  late.tell("ended", { by: "remote", cause: "Dialog Error", code: 481, reason: "Call/Transaction Does Not Exist" });
  assert.equal(late.p.call.facts.outcome.key, "ended.away");
});
