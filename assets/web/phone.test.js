import { test } from "node:test";
import assert from "node:assert/strict";
import { Call } from "./call.js";
import { MicrophoneError } from "./devices.js";
import { Phone } from "./phone.js";

// Debian 12's Node.js has no CustomEvent.
globalThis.CustomEvent ??= class extends Event {
  constructor(type, { detail = null } = {}) {
    super(type);
    this.detail = detail;
  }
};

const bob = { name: "Bob", number: "102", uri: "sip:102@x" };

/** A microphone's stream whose one track remembers being stopped. */
function stream() {
  const track = Object.assign(new EventTarget(), { enabled: true, stopped: false, stop() { this.stopped = true; } });
  return { track, getTracks: () => [track], getAudioTracks: () => [track] };
}

/** A phone whose line, microphone and sound note what is asked of them. */
function phone(t, open = async () => stream()) {
  const did = [];
  const note = (name) => (...args) => { did.push([name, ...args].filter((a) => typeof a === "string").join(" ")); };
  const line = Object.assign(new EventTarget(), {
    connection: "ready", peerConnection: null,
    call: note("call"), answer: note("answer"), hangUp: note("hang up"), key: note("key"), mute: note("mute"), pass: note("pass"), follow: (stream) => did.push(stream ? "follow" : "stay"), hold: (on) => did.push(on ? "hold" : "resume"),
  });
  const p = new Phone({
    call: new Call(), line,
    devices: Object.assign(new EventTarget(), { open, route: async () => {} }),
    sound: { ring: note("ring"), ringback: note("ringback"), stop: note("silence") },
    recent: { entries: [], add(e) { this.entries.unshift(e); } },
    audio: { play: async () => {}, srcObject: null },
    site: { domain: "x", pbx: true },
  });
  t.after(() => p.clear()); // or its timer would keep the test waiting
  const tell = (type, detail) => line.dispatchEvent(new CustomEvent(type, { detail }));
  return { p, did, tell };
}

test("a call out, with ringback, keys and mute", async (t) => {
  const { p, did, tell } = phone(t);
  await p.dial("030 12");
  assert.equal(p.call.state, "calling");
  tell("ringing", { early: false, code: 180 });
  assert.equal(p.call.state, "ringing");
  p.key("1"); // nobody to hear it
  p.toggleMute();
  tell("accepted");
  p.key("2");
  assert.equal(p.stream.track.enabled, false);
  const { track } = p.stream;
  p.hangUp();
  tell("ended", { by: "local", cause: "Terminated" });
  assert.deepEqual(did, ["call sip:03012@x", "ringback", "mute", "silence", "mute", "key 2", "hang up", "silence"]);
  assert.equal(p.call.facts.outcome.key, "ended.local");
  assert.ok(track.stopped);
  assert.equal(p.stream, null);
});

test("early media silences the ringback", async (t) => {
  const { p, did, tell } = phone(t);
  await p.dial("102");
  tell("ringing", { early: true, code: 183 });
  tell("ringing", { early: false, code: 180 });
  assert.ok(!did.includes("ringback"));
  p.key("5");
  assert.equal(p.call.facts.keys, "5");
});

test("what can't be called says why and sends nothing", async (t) => {
  for (const [typed, connection, key] of [["", "ready", "failed.empty"], ["<>", "ready", "failed.target"], ["102", "lost", "failed.notReady"]]) {
    const { p, did } = phone(t);
    p.line.connection = connection;
    await p.dial(typed);
    assert.equal(p.call.facts.outcome.key, key);
    assert.deepEqual(did, []);
  }
});

test("no microphone: an own call ends, another's goes on ringing", async (t) => {
  const refuse = async () => { throw new MicrophoneError("microphone.none"); };
  const out = phone(t, refuse);
  await out.p.dial("102");
  assert.equal(out.p.call.facts.outcome.key, "microphone.none");

  const { p, did, tell } = phone(t, refuse);
  tell("incoming", { peer: bob, callee: "Alice" });
  await p.answer();
  assert.equal(p.call.state, "incoming");
  assert.equal(p.call.facts.trouble, "microphone.none");
  assert.deepEqual(did, ["ring", "silence", "ring"]);
});

test("hanging up while the browser still asks for the microphone", async (t) => {
  const late = stream();
  let allow;
  const { p, did } = phone(t, () => new Promise((r) => (allow = () => r(late))));
  const dialled = p.dial("102");
  p.hangUp();
  assert.equal(p.call.state, "ended");
  allow();
  await dialled;
  assert.ok(late.track.stopped);
  assert.ok(!did.includes("call sip:102@x"));
});

test("incoming calls are remembered: answered, missed, turned away", async (t) => {
  const { p, tell } = phone(t);
  tell("incoming", { peer: bob, callee: "Alice" });
  await p.answer();
  tell("accepted");
  tell("turnedAway", { peer: { ...bob, name: "Eve" } });
  assert.equal(p.call.state, "talking");
  tell("ended", { by: "remote", cause: "Terminated" });
  tell("incoming", { peer: bob, callee: "Alice" });
  tell("ended", { by: "remote", cause: "Canceled" });
  assert.deepEqual(p.recent.entries.map((e) => [e.name, e.missed]), [["Bob", true], ["Bob", false], ["Eve", true]]);
  assert.equal(p.call.facts.outcome.offer, "callback");
});

test("mute and hold together: the microphone is heard only when neither is on", async (t) => {
  const { p, did, tell } = phone(t);
  await p.dial("102");
  p.toggleHold(); // nobody there yet
  tell("accepted");
  const heard = () => p.stream.track.enabled;
  p.toggleHold();
  p.toggleMute();
  assert.deepEqual([p.call.hold, heard()], ["local", false]);
  p.toggleMute();
  assert.equal(heard(), false);
  p.toggleMute();
  p.toggleHold();
  assert.deepEqual([p.call.hold, heard()], ["", false]);
  p.toggleMute();
  assert.equal(heard(), true);
  assert.deepEqual(did.filter((d) => ["hold", "resume"].includes(d)), ["hold", "resume"]);
});

test("the other side holds", async (t) => {
  const { p, tell } = phone(t);
  await p.dial("102");
  tell("held", { by: true }); // an announcement
  tell("accepted");
  assert.equal(p.call.hold, "");
  tell("held", { by: true });
  assert.deepEqual([p.call.hold, p.stream.track.enabled], ["remote", false]);
  p.toggleHold();
  assert.equal(p.call.hold, "both");
  p.toggleHold();
  tell("held", { by: false });
  assert.deepEqual([p.call.hold, p.stream.track.enabled], ["", true]);
});

test("passing the call on", async (t) => {
  const { p, did, tell } = phone(t);
  await p.dial("201");
  assert.equal(p.pass("202"), false); // nobody there yet
  tell("accepted");
  for (const [typed, key] of [["", "failed.empty"], ["<>", "pass.target"]]) {
    assert.equal(p.pass(typed), false);
    assert.equal(p.call.facts.pass.key, key);
  }
  assert.ok(p.pass("202"));
  assert.equal(p.pass("203"), false); // one at a time
  tell("passing", { status: 100 });
  tell("passing", { status: 180 });
  assert.equal(p.call.facts.pass.key, "pass.ringing");
  tell("passing", { status: 486 });
  assert.deepEqual([p.call.state, p.call.facts.pass.key], ["talking", "pass.busy"]);
  assert.ok(p.pass("Bob"));
  tell("passing", { status: 200 });
  tell("ended", { by: "local", cause: "Terminated" });
  assert.equal(p.call.facts.outcome.key, "ended.passed");
  assert.deepEqual(did.filter((d) => /pass|hang/.test(d)), ["pass sip:202@x", "pass sip:bob@x", "hang up"]);
});

test("the other side passes us on", async (t) => {
  const { p, did, tell } = phone(t);
  tell("incoming", { peer: bob, callee: "Alice" });
  await p.answer();
  tell("accepted");
  p.toggleMute();
  const carol = { name: "Carol", number: "103", uri: "sip:103@x" };
  tell("referred", { peer: carol });
  assert.deepEqual([p.call.state, p.call.facts.peer, p.call.facts.from, p.call.facts.muted], ["calling", carol, bob, true]);
  assert.equal(p.stream.track.enabled, false);
  tell("ringing", { early: false, code: 180 });
  tell("back", { by: "remote", cause: "Busy", code: 486 });
  assert.deepEqual([p.call.state, p.call.facts.peer, p.call.facts.pass.key], ["talking", bob, "pass.busy"]);
  tell("referred", { peer: carol });
  tell("accepted");
  assert.deepEqual([p.call.state, p.call.facts.peer], ["talking", carol]);
  tell("ended", { by: "remote", cause: "Terminated" });
  assert.deepEqual(p.recent.entries.map((e) => [e.name, e.direction]), [["Bob", "in"], ["Carol", "out"], ["Carol", "out"]]);
  assert.equal(did.filter((d) => d === "follow").length, 2);
  tell("referred", { peer: carol });
  assert.equal(did.at(-1), "stay");
});

test("a reloaded page holds the call that was on hold", async (t) => {
  const first = phone(t);
  await first.p.dial("102");
  first.tell("accepted");
  first.p.line.dialog = { callId: "c", local: "l", remote: "r" };
  first.p.toggleHold();

  const second = phone(t);
  await second.p.resume(first.p.resumable);
  assert.equal(second.p.stream.track.enabled, false); // not for a moment
  second.tell("held", { by: true });
  second.tell("accepted");
  assert.equal(second.p.call.hold, "both");
  assert.ok(second.did.includes("hold"));
});

test("a reloaded page goes on with the call it had", async (t) => {
  const first = phone(t);
  await first.p.dial("102");
  assert.equal(first.p.resumable, null); // not up yet
  first.tell("accepted");
  first.p.line.dialog = { callId: "c", local: "l", remote: "r" };
  first.p.toggleMute();
  const left = first.p.resumable;
  const { since } = first.p.call.facts;
  assert.deepEqual([left.dialog.callId, left.direction, left.since, left.muted], ["c", "out", since, true]);

  const second = phone(t);
  await second.p.resume(left);
  assert.equal(second.p.call.state, "calling");
  second.tell("accepted");
  assert.equal(second.p.call.facts.since, since);
  assert.equal(second.p.stream.track.enabled, false);
  assert.ok(second.did.includes("call sip:102@x"));
  assert.ok(second.did.includes("mute"));
  assert.equal(second.p.recent.entries.length, 0); // it is the same call

  const late = phone(t);
  await late.p.resume(left);
  late.tell("ended", { by: "remote", cause: "Dialog Error", code: 481, reason: "Call/Transaction Does Not Exist" });
  assert.equal(late.p.call.facts.outcome.key, "ended.away");
});
