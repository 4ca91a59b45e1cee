// transfer.js – how passing a call on goes, as the key of a sentence in strings/.

/**
 * A call on its way to somebody else.
 * @typedef {object} Pass
 * @property {import("./call.js").Peer} to
 * @property {string} key  of the sentence that says how far it is
 * @property {boolean} on  nothing is decided yet
 * @property {boolean} [done]  they talk to each other
 */

const failures = {
  404: "pass.unknown", 410: "pass.unknown", 484: "pass.unknown", 604: "pass.unknown", 408: "pass.noAnswer", 480: "pass.noAnswer",
  486: "pass.busy", 600: "pass.busy", 603: "pass.declined", 607: "pass.declined", 608: "pass.declined",
};

/**
 * What a status says of the call to the new one: it comes in a NOTIFY (RFC 3515 §2.4.5), or is that of a call of our own.
 * @param {number} status  0: none came
 */
export function progress(status) {
  if (status > 100 && status < 200) return { key: status === 180 ? "pass.ringing" : "pass.asked", on: true };
  if (status === 100) return { key: "pass.asked", on: true };
  if (status >= 200 && status < 300) return { key: "ended.passed", on: false, done: true };
  return { key: failures[status] ?? "pass.failed", on: false };
}
