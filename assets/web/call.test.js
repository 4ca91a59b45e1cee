import { test } from "node:test";
import assert from "node:assert/strict";
import { Call } from "./call.js";

const bob = { name: "Bob", number: "102", uri: "sip:102@office.example" };

test("a call's usual ways", () => {
  for (const way of [
    ["calling", "ringing", "talking", "ended", "idle"],
    ["calling", "talking", "ended", "calling"],
    ["calling", "ended", "incoming", "ended", "idle"],
    ["incoming", "talking", "ended", "incoming"],
    ["incoming", "talking", "calling", "ringing", "talking", "ended"],
  ]) {
    const call = new Call();
    for (const state of way) call.enter(state);
    assert.equal(call.state, way.at(-1));
  }
});

test("steps that make no sense are refused and change nothing", () => {
  for (const [state, wrong] of [
    ["idle", "talking"], ["idle", "ended"], ["calling", "incoming"], ["talking", "ringing"], ["incoming", "ringing"], ["ended", "talking"],
  ]) {
    const call = new Call();
    for (const step of { idle: [], calling: ["calling"], incoming: ["incoming"], talking: ["incoming", "talking"], ended: ["calling", "ended"] }[state]) {
      call.enter(step);
    }
    assert.throws(() => call.enter(wrong), RangeError);
    assert.equal(call.state, state);
  }
});

test("facts last until the next call begins", () => {
  const call = new Call();
  call.enter("calling", { peer: bob, direction: "out" });
  call.learn({ muted: true, keys: "1" });
  call.enter("talking", { since: 1000 });
  call.enter("ended", { outcome: { key: "ended.local" } });
  assert.deepEqual(call.facts.peer, bob);
  assert.equal(call.facts.keys, "1");
  call.enter("incoming", { peer: bob });
  assert.equal(call.facts.keys, "");
  assert.equal(call.facts.muted, false);
  assert.equal(call.facts.outcome, null);
});

test("who put the call on hold, while it is up", () => {
  const call = new Call();
  call.enter("calling");
  call.learn({ held: true });
  assert.equal(call.hold, "");
  call.enter("talking");
  for (const [held, heldBy, hold] of [[false, false, ""], [true, false, "local"], [false, true, "remote"], [true, true, "both"]]) {
    call.learn({ held, heldBy });
    assert.equal(call.hold, hold);
  }
  call.enter("ended");
  assert.equal(call.hold, "");
});

test("each step and each fact is told once", () => {
  const call = new Call();
  const seen = [];
  call.addEventListener("change", () => seen.push(call.state));
  call.enter("calling");
  call.learn({ rang: true });
  call.enter("ringing");
  assert.deepEqual(seen, ["calling", "calling", "ringing"]);
});

test("keys reach the other side while talking and during early media", () => {
  const call = new Call();
  assert.equal(call.takesKeys, false);
  call.enter("calling");
  call.enter("ringing");
  assert.equal(call.takesKeys, false);
  call.learn({ early: true });
  assert.equal(call.takesKeys, true);
  call.enter("talking");
  assert.equal(call.takesKeys, true);
  call.enter("ended");
  assert.equal(call.takesKeys, false);
});
