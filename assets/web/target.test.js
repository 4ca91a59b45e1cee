import { test } from "node:test";
import assert from "node:assert/strict";
import { elsewhere, grouped, initials, peerOf, target } from "./target.js";

test("what people type", () => {
  for (const [typed, uri, name, number] of [
    ["echo", "sip:echo@office.example", "echo", ""],
    [" Alice ", "sip:alice@office.example", "Alice", ""],
    ["101", "sip:101@office.example", "", "101"],
    ["030 / 1234-567", "sip:0301234567@office.example", "", "0301234567"],
    ["+49 (0)30 1234", "sip:+49301234@office.example", "", "+49301234"],
    ["*43#", "sip:*43%23@office.example", "", "*43#"],
    ["tel:+4930", "sip:+4930@office.example", "", "+4930"],
    ["sip:bob@example.org", "sip:bob@example.org", "bob@example.org", ""],
    ["SIP:102@example.org;user=phone", "SIP:102@example.org;user=phone", "102@example.org", ""],
    ["bob@workshop", "sip:bob@workshop", "bob@workshop", ""],
    ["bob@OFFICE.example", "sip:bob@OFFICE.example", "bob", ""],
    ["sip:102@office.example:5061", "sip:102@office.example:5061", "", "102"],
    ["sip:workshop", "sip:workshop", "workshop", ""],
    ["Zoë", "sip:zo%C3%AB@office.example", "Zoë", ""],
    ["Alice Doe", "sip:alice%20doe@office.example", "Alice Doe", ""],
  ]) {
    assert.deepEqual(target(typed, "office.example"), { name, number, uri }, typed);
  }
});

test("what can't be called", () => {
  for (const typed of ["", "   ", "-", "sip:", "a <b>", "tel:", "?!"]) assert.equal(target(typed, "office.example"), null, typed);
});

test("who calls", () => {
  assert.deepEqual(peerOf("Bob", "102", "u"), { name: "Bob", number: "102", uri: "u" });
  assert.deepEqual(peerOf("102", "102", "u"), { name: "", number: "102", uri: "u" });
  assert.deepEqual(peerOf("", "alice", "u"), { name: "alice", number: "", uri: "u" });
  assert.deepEqual(peerOf(null, "zo%C3%AB", "u"), { name: "zoë", number: "", uri: "u" });
  assert.deepEqual(peerOf("Alice", "alice", "u", "workshop"), { name: "Alice", number: "alice@workshop", uri: "u" });
  assert.deepEqual(["workshop", "Office.example", "anonymous.invalid"].map((host) => elsewhere(host, "office.example")), ["workshop", "", ""]);
  assert.deepEqual(peerOf(null, "50%", "u"), { name: "50%", number: "", uri: "u" });
});

test("numbers for reading", () => {
  for (const [number, text] of [
    ["101", "101"], ["1234", "1234"], ["12345", "123 45"], ["0301234567", "030 123 4567"], ["+493012345", "+493 012 345"], ["*43#", "*43#"], ["alice", "alice"],
  ]) {
    assert.equal(grouped(number), text);
  }
});

test("initials", () => {
  for (const [name, text] of [["Alice Doe", "AD"], ["echo", "E"], ["Jean-Luc van Dijk", "JD"], ["", ""], ["(reception)", ""], ["bob@office-2", "B"]]) {
    assert.equal(initials({ name }), text);
  }
});
