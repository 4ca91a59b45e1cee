// trouble.js – what the gateway finds wrong with the sound of a call. The page's own counters (quality.js) know only what it hears.

/**
 * @typedef {object} Concern
 * @property {string} call  the gateway's name of the call
 * @property {string} sip  Call-ID of our dialog
 * @property {boolean} own  it is about what we send, or our way to the gateway; else about the other side
 * @property {string} kind  ice, dtls, keys, codec, address, silent, muted, loss_in, loss_out or one_way
 * @property {number} [ended]  it is over
 */

/** What is said of each kind, the worst first: the end of a key of strings/, "quality." before it. */
const own = [["ice", "blocked"], ["dtls", "blocked"], ["keys", "blocked"], ["silent", "microphone"], ["muted", "microphoneSilent"], ["loss_in", "lossy"]];
const other = [["ice", "silent"], ["dtls", "silent"], ["keys", "silent"], ["codec", "silent"], ["address", "silent"], ["silent", "silent"],
  ["muted", "theyMute"], ["loss_in", "theyLose"]];

/**
 * One word about the sound of a call, "" when nothing is wrong with it.
 * @param {Concern[]} concerns
 */
export function trouble(concerns) {
  for (const [whose, words] of [[true, own], [false, other]]) {
    const found = words.find(([kind]) => concerns.some((c) => c.own === whose && c.kind === kind));
    if (found) return found[1];
  }
  return "";
}

/** The concerns of the moment. A "change" event tells that there is one more or less. */
export class Troubles extends EventTarget {
  #concerns = new Map();

  /** @param {EventTarget} events  the gateway's stream, which tells all anew whenever it opens */
  constructor(events) {
    super();
    events.addEventListener("open", () => {
      this.#concerns.clear();
      this.dispatchEvent(new Event("change"));
    });
    events.addEventListener("media", ({ data }) => {
      const concern = JSON.parse(data);
      const key = [concern.call, concern.own, concern.kind].join(" ");
      if (concern.ended) this.#concerns.delete(key);
      else this.#concerns.set(key, concern);
      this.dispatchEvent(new Event("change"));
    });
  }

  /** One word about a call. @param {string | undefined} callId  of its dialog */
  of(callId) {
    return trouble([...this.#concerns.values()].filter(({ sip }) => sip === callId));
  }
}
