import { test } from "node:test";
import assert from "node:assert/strict";
import { MicrophoneError } from "./devices.js";
import { bob, carol, phone, stream } from "./phone.fake.js";

test("a colleague who is called has a whole name", async (t) => {
  const { p, did } = phone(t);
  await p.dial("dave");
  assert.deepEqual(p.call.facts.peer, { name: "Dave Lund", number: "dave", uri: "sip:dave@x" });
  assert.deepEqual(did, ["call sip:dave@x"]);
});

test("a call out, with ringback, keys and mute", async (t) => {
  const { p, did, sounds, tell } = phone(t);
  await p.dial("030 12");
  assert.equal(p.call.state, "calling");
  tell("ringing", { early: false, code: 180 });
  assert.equal(p.call.state, "ringing");
  p.key("1"); // nobody to hear it
  p.toggleMute();
  tell("accepted");
  p.key("2");
  const { track } = p.stream;
  p.hangUp();
  tell("ended", { by: "local", cause: "Terminated" });
  assert.deepEqual(did, ["call sip:03012@x", "mute", "mute", "key 2", "hang up"]);
  assert.deepEqual(sounds, ["silence", "ringback", "silence"]);
  assert.equal(p.call.facts.outcome.key, "ended.local");
  assert.ok(track.stopped);
  assert.equal(p.stream, null);
  assert.deepEqual(p.recent.tape, ["sip:03012@x", "one"], "the list knows that it was recorded");
});

test("early media silences the ringback", async (t) => {
  const { p, sounds, tell } = phone(t);
  await p.dial("102");
  tell("ringing", { early: true, code: 183 });
  tell("ringing", { early: false, code: 180 });
  assert.ok(!sounds.includes("ringback"));
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

  const { p, did, sounds, incoming } = phone(t, refuse);
  incoming(bob);
  await p.answer();
  assert.equal(p.call.state, "incoming");
  assert.equal(p.call.facts.trouble, "microphone.none");
  assert.deepEqual([did, sounds], [[], ["silence", "ring", "silence", "ring"]]);
});

test("a call that rings on a line that is lost rings again on the next one", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const answering of [false, true]) {
    const { p, did, sounds, legs, incoming, connect, tell } = phone(t);
    incoming(bob, "one");
    connect("lost");
    assert.equal(p.call.state, "incoming");
    if (answering) await p.answer();
    connect("ready");
    incoming(bob, "one");
    tell("ended", { by: "remote", cause: "Canceled" }, 0); // of the leg that is forgotten
    assert.deepEqual([p.call.state, p.others.length], ["incoming", 0]);
    t.mock.timers.tick(20_000);
    if (!answering) await p.answer();
    assert.deepEqual(did, ["drop", "1: answer"]);
    tell("accepted");
    assert.equal(p.call.state, "talking");
    assert.equal(legs.length, 2);
    assert.deepEqual(sounds, ["silence", "ring", "silence"]);
    assert.deepEqual(p.recent.entries, []);
  }
});

test("a call that does not ring again after the line was lost is missed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { p, did, incoming, connect } = phone(t);
  incoming(bob, "one");
  connect("lost");
  connect("lost");
  connect("ready");
  t.mock.timers.tick(20_000);
  assert.equal(p.call.facts.outcome.key, "failed.connection");
  assert.equal(p.recent.entries.length, 1);
  assert.deepEqual(did, ["drop"]);
});

test("a call rings on where only the registration fails, and one that rings elsewhere is another", (t) => {
  const { p, did, legs, incoming, connect } = phone(t);
  incoming(bob, "one");
  legs[0].cutOff = false;
  connect("lost");
  assert.deepEqual([p.call.state, p.call.facts.renewing, did], ["incoming", false, []]);
  legs[0].cutOff = true;
  connect("connecting");
  connect("lost");
  incoming(bob, "two");
  assert.equal(p.others.length, 1);
  p.hangUp(p.others[0]);
  assert.deepEqual(did, ["drop", "1: hang up"]);
  p.hangUp(); // nobody to tell
  assert.deepEqual(did, ["drop", "1: hang up"]);
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
  const { p, did, tell, incoming } = phone(t);
  incoming(bob);
  await p.answer();
  tell("accepted");
  for (let n = 1; n < 4; n++) incoming({ ...bob, name: `Caller ${n}` });
  incoming({ ...bob, name: "Eve" });
  assert.ok(did.includes("4: refuse"));
  for (let n = 1; n < 4; n++) tell("ended", { by: "remote", cause: "Canceled", elsewhere: 200 }, n);
  p.recent.entries = p.recent.entries.filter((e) => !e.name.startsWith("Caller"));
  assert.equal(p.call.state, "talking");
  tell("ended", { by: "remote", cause: "Terminated" }, 0);
  incoming(bob);
  tell("ended", { by: "remote", cause: "Canceled" });
  assert.deepEqual(p.recent.entries.map((e) => [e.name, e.missed]), [["Bob", true], ["Bob", false], ["Eve", true]]);
  assert.equal(p.call.facts.outcome.offer, "callback");
});

test("mute and hold together: the microphone is heard only when neither is on", async (t) => {
  const { p, did, tell, hears: heard } = phone(t);
  await p.dial("102");
  p.toggleHold(); // nobody there yet
  tell("accepted");
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
  const { p, tell, hears } = phone(t);
  await p.dial("102");
  tell("held", { by: true }); // an announcement
  tell("accepted");
  assert.equal(p.call.hold, "");
  tell("held", { by: true });
  assert.deepEqual([p.call.hold, hears()], ["remote", false]);
  p.toggleHold();
  assert.equal(p.call.hold, "both");
  p.toggleHold();
  tell("held", { by: false });
  assert.deepEqual([p.call.hold, hears()], ["", true]);
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
  const { p, did, tell, legs, incoming } = phone(t);
  incoming(bob);
  await p.answer();
  tell("accepted");
  p.toggleMute();
  const followed = [];
  const referral = { peer: carol, follow: (leg, stream) => followed.push([leg, stream]), refuse: () => followed.push("refused") };
  tell("referred", referral);
  assert.deepEqual([p.call.state, p.call.facts.peer, p.call.facts.from, p.call.facts.muted], ["calling", carol, bob, true]);
  assert.equal(followed[0][0], legs[1]);
  assert.equal(followed[0][1].track.enabled, false);
  assert.equal(p.others.length, 0);
  tell("referred", referral, 0); // one at a time
  assert.equal(followed[1], "refused");
  tell("ringing", { early: false, code: 180 });
  tell("ended", { by: "remote", cause: "Busy", code: 486 });
  assert.deepEqual([p.call.state, p.call.facts.peer, p.call.facts.pass.key], ["talking", bob, "pass.busy"]);
  tell("referred", referral, 0);
  tell("accepted", {}, 2);
  assert.deepEqual([p.call.state, p.call.facts.peer], ["talking", carol]);
  tell("ended", { by: "remote", cause: "Terminated" }, 0); // who passed us on leaves
  assert.deepEqual([p.call.state, p.call.facts.peer], ["talking", carol]);
  tell("ended", { by: "remote", cause: "Terminated" });
  assert.deepEqual(p.recent.entries.map((e) => [e.name, e.direction]), [["Bob", "in"], ["Carol", "out"], ["Carol", "out"]]);
  assert.ok(!did.some((d) => d.includes("hang up")));
  assert.equal(p.stream, null);
});

test("a second caller knocks; answering puts the first on hold, and back", async (t) => {
  const { p, did, sounds, tell, incoming, hears } = phone(t);
  await p.dial("102");
  tell("accepted");
  incoming(carol);
  assert.deepEqual([p.call.state, p.others.length, sounds.at(-1)], ["talking", 1, "knock"]);
  await p.answer(p.others[0]);
  tell("accepted");
  assert.deepEqual([p.call.facts.peer, p.others[0].facts.held, sounds.at(-1)], [carol, true, "silence"]);
  assert.deepEqual([hears(0), hears(1)], [false, true]);
  p.swap(p.others[0]);
  assert.deepEqual([p.call.facts.peer.number, p.call.hold, p.others[0].call.hold], ["102", "", "local"]);
  assert.deepEqual([hears(0), hears(1)], [true, false]);
  p.hangUp();
  tell("ended", { by: "local", cause: "Terminated" }, 0);
  assert.deepEqual([p.call.facts.peer, p.call.state, p.call.hold, p.others.length], [carol, "talking", "local", 0]);
  p.toggleHold();
  assert.equal(hears(1), true);
  assert.deepEqual(did, ["call sip:102@x", "hold", "1: answer", "1: hold", "resume", "hang up", "1: resume"]);
});

test("a second caller who gives up, or is declined", async (t) => {
  const { p, did, tell, incoming } = phone(t);
  await p.dial("102");
  tell("accepted");
  incoming(carol);
  tell("ended", { by: "remote", cause: "Canceled" });
  assert.deepEqual([p.call.state, p.others.length], ["talking", 0]);
  assert.ok(p.recent.entries[0].missed);
  incoming(carol);
  p.hangUp(p.others[0]);
  assert.equal(did.at(-1), "2: hang up");
  incoming(carol);
  tell("ended", { by: "remote", cause: "Terminated" }, 0); // the first one leaves: now it rings in earnest
  assert.deepEqual([p.call.state, p.call.facts.said.key], ["incoming", "ended.remote"]);
});

test("asking first, then connecting the two", async (t) => {
  const { p, did, tell } = phone(t);
  await p.dial("102");
  tell("accepted");
  await p.dial("104");
  assert.deepEqual([p.call.state, p.others[0].call.hold], ["calling", "local"]);
  p.connect(p.others[0]);
  assert.ok(!did.some((d) => d.includes("connect"))); // nobody there yet
  tell("accepted");
  p.connect(p.others[0]);
  assert.equal(did.at(-1), "connect 1");
  tell("passing", { status: 100 }, 0);
  tell("passing", { status: 180 }, 0);
  assert.deepEqual([p.call.facts.pass.to.number, p.others[0].facts.pass.to.number, p.call.facts.pass.key], ["102", "104", "connect.asked"]);
  tell("ended", { by: "remote", cause: "Terminated" }, 1); // its place is taken
  assert.equal(p.call.facts.said.key, "ended.passing");
  tell("passing", { status: 200 }, 0);
  assert.equal(did.at(-1), "hang up");
  tell("ended", { by: "local", cause: "Terminated" }, 0);
  assert.equal(p.call.facts.outcome.key, "ended.passed");
});

test("a colleague's page is asked first, and then the other phone", async (t) => {
  const { p, did, tell } = phone(t);
  await p.dial("102");
  tell("accepted");
  await p.dial("103");
  tell("accepted");
  p.connect(p.others[0]);
  assert.equal(did.at(-1), "1: connect 0");
  tell("passing", { status: 0 }, 1);
  assert.deepEqual([did.at(-1), p.call.facts.pass.key, p.others[0].facts.pass.on], ["connect 1", "connect.asked", true]);
  tell("passing", { status: 100 }, 0);
  tell("passing", { status: 501 }, 0);
  assert.deepEqual([p.call.state, p.call.facts.pass.key, p.others[0].facts.pass.key], ["talking", "connect.failed", "connect.failed"]);
  p.connect(p.others[0]); // once more
  tell("passing", { status: 404 }, 1);
  tell("passing", { status: 200 }, 0);
  assert.deepEqual([did.at(-1), p.call.facts.pass.key], ["hang up", "ended.passed"]);
});

test("nobody is asked twice when a call ends meanwhile", async (t) => {
  const { p, did, tell } = phone(t);
  await p.dial("102");
  tell("accepted");
  await p.dial("103");
  tell("accepted");
  p.connect(p.others[0]);
  tell("ended", { by: "remote", cause: "Terminated" }, 0);
  tell("passing", { status: 481 }, 1);
  assert.deepEqual([p.call.state, p.call.facts.pass.key], ["talking", "connect.failed"]);
  assert.equal(did.at(-1), "1: connect 0");
});

test("who answers a code is shown", async (t) => {
  const { p, tell } = phone(t);
  await p.dial("*8103");
  tell("accepted", { peer: carol });
  assert.deepEqual(p.call.facts.peer, carol);
  const plain = phone(t);
  await plain.p.dial("103");
  plain.tell("accepted", { peer: carol });
  assert.equal(plain.p.call.facts.peer.name, "");
});

test("asking first comes to nothing: the first call is there, on hold", async (t) => {
  const { p, tell } = phone(t);
  await p.dial("102");
  tell("accepted");
  await p.dial("103");
  tell("ended", { by: "remote", cause: "Busy", code: 486 });
  assert.deepEqual([p.call.facts.peer.number, p.call.hold, p.call.facts.said.key], ["102", "local", "failed.busy"]);
});
