// resume.js – a call that a reload of the page interrupts. Session storage keeps what the next page needs to take the call over
// (INVITE with Replaces, RFC 3891): the gateway holds the call for a while after its browser is gone.

const key = "cordboard.call";
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

/** @param {Storage} storage  @param {Kept} call  @param {number} now  ms since 1970 */
export function keep(storage, call, now) {
  storage.setItem(key, JSON.stringify({ ...call, left: now }));
}

/** @returns {Kept | null} the call to come back to, once. */
export function kept(storage, now) {
  const text = storage.getItem(key);
  storage.removeItem(key);
  if (!text) return null;
  try {
    const { left, ...call } = JSON.parse(text);
    const fresh = now - left < held && now >= left;
    return fresh && call.dialog.callId && call.peer.uri && call.since > 0 ? call : null;
  } catch {
    return null; // not ours
  }
}

/** The Replaces header for a dialog. */
export function replaces({ callId, local, remote }) {
  return `Replaces: ${callId};from-tag=${local};to-tag=${remote}`;
}
