// resume.js – calls that a reload of the page interrupts. Session storage keeps what the next page needs to take them over
// (INVITE with Replaces, RFC 3891): the gateway holds a call for a while after its browser is gone.

const key = "cordboard.calls";
const held = 30_000; // ms that the gateway waits

/**
 * What the next page must know.
 * @typedef {object} Kept
 * @property {{callId: string, local: string, remote: string}} dialog  as the page that leaves sees it
 * @property {import("./call.js").Peer} peer
 * @property {string} direction  "out" | "in"
 * @property {number} since  when talking began, in ms since 1970
 * @property {boolean} muted
 * @property {boolean} held  we put the other side on hold
 */

/** @param {Storage} storage  @param {Kept[]} calls  @param {number} now  ms since 1970 */
export function keep(storage, calls, now) {
  storage.setItem(key, JSON.stringify({ calls, left: now }));
}

/** @returns {Kept[]} the calls to come back to, once. */
export function kept(storage, now) {
  const text = storage.getItem(key);
  storage.removeItem(key);
  try {
    const { calls, left } = JSON.parse(text ?? "{}");
    const fresh = now - left < held && now >= left;
    return fresh && calls.every((c) => c.dialog.callId && c.peer.uri && c.since > 0) ? calls : [];
  } catch {
    return []; // not ours
  }
}

/** The Replaces header for a dialog. */
export function replaces(dialog) {
  return `Replaces: ${replacesValue(dialog)}`;
}

/** Its value: the tags as the other end of the dialog sees them (RFC 3891 §3). */
export function replacesValue({ callId, local, remote }) {
  return `${callId};to-tag=${remote};from-tag=${local}`;
}
