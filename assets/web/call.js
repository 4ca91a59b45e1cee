// call.js – the state of a call, without DOM, SIP or sound, so that `node --test` can try it.

/** What may follow each state. */
const next = {
  idle: ["calling", "incoming"],
  calling: ["ringing", "talking", "ended"],
  ringing: ["talking", "ended"],
  incoming: ["talking", "ended"],
  talking: ["ended", "calling"], // calling: the other side passes us on
  ended: ["idle", "calling", "incoming"],
};

/**
 * Whom the call is with.
 * @typedef {{name: string, number: string, uri: string}} Peer  name and number may be empty, but not both
 */

const nobody = { name: "", number: "", uri: "" };

/** What is known of a call that has just begun. */
const fresh = {
  peer: nobody,
  direction: "", // "out" | "in"
  early: false, // the callee's side sends sound before it answers
  rang: false, // the callee's phone rang
  answering: false, // answer was pressed, the call is not up yet
  muted: false,
  held: false, // we put the other side on hold
  heldBy: false, // the other side put us on hold
  resuming: false, // taken over from the page that was here before
  renewing: false, // the connection was lost; it is taken over by a new one, or rings again there
  pass: null, // passing the other side on: from transfer.js
  from: null, // who passed us on to this one
  since: 0, // when talking began, in ms since 1970
  keys: "", // the keys sent so far
  said: null, // what became of another call: {key, peer, to} of a sentence
  trouble: "", // why it can't be answered right now: key of a string
  outcome: null, // how it ended, from outcome.js
};

/** The call; it tells its listeners of each step and each new fact with a "change" event. */
export class Call extends EventTarget {
  #state = "idle";
  #facts = fresh;

  get state() { return this.#state; }
  get facts() { return this.#facts; }

  /** Whether a call is on, from the first ring to the last word. */
  get live() { return this.#state !== "idle" && this.#state !== "ended"; }

  /** Who put the call on hold: "", "local", "remote" or "both". */
  get hold() {
    const { held, heldBy } = this.#facts;
    if (this.#state !== "talking") return "";
    return held && heldBy ? "both" : held ? "local" : heldBy ? "remote" : "";
  }

  /** Whether pressed keys reach the other side (RFC 4733). */
  get takesKeys() { return this.#state === "talking" || (this.#state === "ringing" && this.#facts.early); }

  /**
   * @param {keyof typeof next} state
   * @param {Partial<typeof fresh>} facts  learned with this step
   * @throws {RangeError} if state can't follow the present one.
   */
  enter(state, facts = {}) {
    if (!next[this.#state].includes(state)) throw new RangeError(`no way from ${this.#state} to ${state}`);
    const begins = ["idle", "calling", "incoming"].includes(state);
    this.#state = state;
    this.#facts = { ...(begins ? fresh : this.#facts), ...facts };
    this.dispatchEvent(new Event("change"));
  }

  /** Adds facts without a step. */
  learn(facts) {
    this.#facts = { ...this.#facts, ...facts };
    this.dispatchEvent(new Event("change"));
  }
}
