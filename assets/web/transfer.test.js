import { test } from "node:test";
import assert from "node:assert/strict";
import { progress } from "./transfer.js";
import en from "./strings/en.js";

test("how passing a call on goes", () => {
  for (const [status, key, on] of [
    [100, "pass.asked", true], [183, "pass.asked", true], [180, "pass.ringing", true], [200, "ended.passed", false],
    [486, "pass.busy", false], [404, "pass.unknown", false], [408, "pass.noAnswer", false], [603, "pass.declined", false],
    [503, "pass.failed", false], [302, "pass.failed", false], [0, "pass.failed", false],
  ]) {
    const got = progress(status);
    assert.deepEqual([got.key, got.on, Boolean(got.done)], [key, on, status === 200], String(status));
    assert.ok(en[key]);
  }
});
