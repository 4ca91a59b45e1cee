import { test } from "node:test";
import assert from "node:assert/strict";
import { quality } from "./quality.js";

test("one word about the sound", () => {
  for (const [received, lost, word] of [
    [100, 0, "clear"], [100, 2, "clear"], [100, 4, "some"], [100, 10, "some"], [100, 20, "much"], [0, 0, "silent"], [0, 50, "silent"],
    [100, -3, "clear"], // late packets make the browser count back
  ]) {
    assert.equal(quality({ received: 500, lost: 10 }, { received: 500 + received, lost: 10 + lost }), word);
  }
});
