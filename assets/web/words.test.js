import { test } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import de from "./strings/de.js";
import en from "./strings/en.js";
import { clock, languageFor, names, Words } from "./words.js";

const holes = (text) => (text.match(/\{\w+\}/g) ?? []).sort();

test("every language has the same strings with the same holes", () => {
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  assert.deepEqual(Object.keys(names).sort(), ["de", "en"]);
  for (const key of Object.keys(en)) assert.deepEqual(holes(de[key]), holes(en[key]), key);
});

test("who is not paired is named so in the page's language", () => {
  for (const [name, said] of [["Office 2, not paired", "Office 2, nicht gekoppelt"], ["Bob", "Bob"], ["", ""]]) {
    assert.equal(new Words("de").who(name), said);
    assert.equal(new Words("en").who(name), name);
  }
});

test("no string shouts or says nothing", () => {
  for (const [key, text] of [...Object.entries(en), ...Object.entries(de)]) {
    assert.ok(text.trim() && !text.includes("!"), key);
  }
});

test("every string of the page exists, and every string is used", () => {
  const sources = readdirSync(dirname(fileURLToPath(import.meta.url))).filter((f) => /\.(js|html)$/.test(f) && !f.endsWith(".test.js"));
  const page = sources.map((f) => readFileSync(new URL(f, import.meta.url), "utf8")).join("\n");
  for (const [, key] of page.matchAll(/data-(?:text|label|placeholder)="([^"]+)"/g)) assert.ok(key in en, key);
  for (const [, key] of page.matchAll(/say\("([^"]+)"/g)) assert.ok(key in en, key);
  const computed = /^(pbx|connection|quality|state|recent|microphone|others|lamp|record|tape)\./;
  for (const key of Object.keys(en)) assert.ok(computed.test(key) || page.includes(`"${key}"`), `${key} is not used`);
});

test("filling in", () => {
  const words = new Words("en");
  assert.equal(words.say("failed.busy", { who: "$& {who}" }), "$& {who} is on another call. Try again later.");
  assert.throws(() => words.say("nothing"), RangeError);
});

test("language", () => {
  for (const [chosen, wished, got] of [
    ["de", ["en-US"], "de"], [null, ["de-AT", "en"], "de"], [null, ["fr", "de"], "de"], ["xx", ["en-GB"], "en"], [null, [], "en"], ["", ["fr"], "en"],
  ]) {
    assert.equal(languageFor(chosen, wished), got);
  }
});

test("when", () => {
  const now = new Date(2026, 2, 10, 15, 30).getTime();
  const at = (...d) => new Date(...d).getTime();
  const en = new Words("en");
  assert.equal(en.when(now - 20_000, now), "just now");
  assert.equal(en.when(now - 150_000, now), "2 min ago");
  assert.equal(en.when(at(2026, 2, 10, 9, 5), now), "09:05");
  assert.equal(en.when(at(2026, 2, 9, 14, 5), now), "yesterday 14:05");
  assert.equal(new Words("de").when(at(2026, 2, 9, 14, 5), now), "gestern 14:05");
  assert.match(en.when(at(2026, 2, 1, 14, 5), now), /1.*14:05/);
  assert.equal(en.span(30), "30 s");
  assert.equal(en.span(125), "3 min");
});

test("clock", () => {
  for (const [ms, text] of [[0, "0:00"], [65_400, "1:05"], [3_725_000, "1:02:05"], [-5, "0:00"]]) assert.equal(clock(ms), text);
});
