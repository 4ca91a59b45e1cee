import { test } from "node:test";
import assert from "node:assert/strict";
import { microphoneTrouble, outcome } from "./outcome.js";
import en from "./strings/en.js";

const out = { state: "ringing", direction: "out", rang: true };
const unheard = { state: "calling", direction: "out", rang: false };
const incoming = { state: "incoming", direction: "in", rang: false };
const talking = { state: "talking", direction: "out", rang: true };

const rows = [
  ["busy", { code: 486, cause: "Busy" }, out, "failed.busy"],
  ["busy everywhere", { code: 600, cause: "Busy" }, out, "failed.busy"],
  ["declined", { code: 603, cause: "Rejected" }, out, "failed.declined"],
  ["no such number", { code: 404, cause: "Not Found" }, unheard, "failed.unknown"],
  ["no such number anywhere", { code: 604, cause: "Not Found" }, unheard, "failed.unknown"],
  ["rang and nobody came", { code: 480, cause: "Unavailable" }, out, "failed.noAnswer"],
  ["phone is off", { code: 480, cause: "Unavailable" }, unheard, "failed.unreachable"],
  ["time ran out while ringing", { code: 408, cause: "Unavailable" }, out, "failed.noAnswer"],
  ["time ran out before", { code: 408, cause: "Unavailable" }, unheard, "failed.unreachable"],
  ["server error", { code: 500, cause: "SIP Failure Code" }, unheard, "failed.unreachable"],
  ["PBX down", { code: 503, cause: "SIP Failure Code" }, unheard, "failed.pbx", { pbx: true }],
  ["503 where there is no PBX", { code: 503, cause: "SIP Failure Code" }, unheard, "failed.unreachable"],
  ["kind of call", { code: 488, cause: "Incompatible SDP" }, unheard, "failed.kind"],
  ["forbidden", { code: 403, cause: "Rejected" }, unheard, "failed.forbidden"],
  ["PBX password", { code: 403, reason: "PBX Refuses Password", cause: "Rejected" }, unheard, "failed.pbxPassword"],
  ["incomplete", { code: 484, cause: "Address Incomplete" }, unheard, "failed.incomplete"],
  ["a status nobody knows", { code: 499, cause: "SIP Failure Code" }, unheard, "failed.call"],
  ["hung up while it rang", { code: 487, by: "local", cause: "Canceled" }, out, "ended.local"],
  ["ICE failed", { by: "local", cause: "RTP Timeout" }, talking, "failed.sound"],
  ["ICE failed later", { by: "local", cause: "RTP Timeout" }, talking, "failed.soundLost", { heard: true }],
  ["hung up", { by: "local", cause: "Terminated" }, talking, "ended.local"],
  ["the other hung up", { by: "remote", cause: "Terminated" }, talking, "ended.remote"],
  ["passed on", { by: "local", cause: "Terminated" }, { ...talking, pass: { done: true } }, "ended.passed"],
  ["the PBX took it before it rang", { by: "remote", cause: "Terminated" }, { ...talking, pass: { on: true } }, "ended.passing"],
  ["hung up while passing on", { by: "local", cause: "Terminated" }, { ...talking, pass: { on: true } }, "ended.local"],
  ["hung up after passing on failed", { by: "remote", cause: "Terminated" }, { ...talking, pass: { on: false } }, "ended.remote"],
  ["connection lost while calling", { by: "system", cause: "Connection Error" }, unheard, "failed.connection"],
  ["caller gave up", { by: "remote", cause: "Canceled" }, incoming, "ended.missed"],
  ["nobody answered here", { by: "local", cause: "No Answer" }, incoming, "ended.missed"],
  ["answered on another phone", { by: "remote", cause: "Canceled", elsewhere: 200 }, incoming, "ended.elsewhere"],
  ["declined on another phone", { by: "remote", cause: "Canceled", elsewhere: 603 }, incoming, "ended.declinedElsewhere"],
  ["declined", { by: "local", cause: "Rejected" }, incoming, "ended.declined"],
  ["answer failed", { by: "system", cause: "WebRTC Error" }, incoming, "failed.browser"],
];

for (const [name, end, call, key, site] of rows) {
  test(name, () => {
    const got = outcome({ by: "remote", ...end }, call, site);
    assert.equal(got.key, key);
    assert.ok(en[got.key], `no sentence for ${got.key}`);
    assert.equal(got.kind, key.startsWith("failed") ? "failed" : key === "ended.missed" ? "missed" : "plain");
  });
}

test("details name the status, the reason and the warning", () => {
  const end = { by: "remote", cause: "SIP Failure Code", code: 503, reason: "PBX Unreachable", text: "office is unreachable: no answer in 5 s" };
  assert.equal(outcome(end, unheard, { pbx: true }).details, "SIP 503 PBX Unreachable · office is unreachable: no answer in 5 s");
});

test("why there is no microphone", () => {
  for (const [name, secure, key] of [
    ["NotAllowedError", true, "microphone.refused"], ["NotFoundError", true, "microphone.none"],
    ["NotReadableError", true, "microphone.inUse"], ["", true, "microphone.unsupported"],
    ["", false, "microphone.insecure"], ["NotAllowedError", false, "microphone.insecure"],
  ]) {
    assert.equal(microphoneTrouble(name, secure), key);
    assert.ok(en[key]);
  }
});
