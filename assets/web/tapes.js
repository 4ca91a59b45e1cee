// tapes.js – how it stands with the recording of the calls that are up, as the gateway tells it.

/**
 * @typedef {object} Tape
 * @property {string} id  of the call at the gateway
 * @property {string} dialog  the Call-ID of the call here
 * @property {boolean} on  it is being recorded
 * @property {boolean} begun  there is a recording, though it may pause
 * @property {boolean} allowed  it may be switched
 * @property {boolean} failed  it stopped by a fault
 */

/** A "change" event tells that something about a tape did. */
export class Tapes extends EventTarget {
  #tapes = new Map();
  #ask;

  /**
   * @param {EventTarget} events  the gateway's stream of events
   * @param {(id: string, on: boolean) => Promise<Tape>} ask  switches a recording
   */
  constructor(events, ask) {
    super();
    this.#ask = ask;
    events.addEventListener("recording", ({ data }) => this.#learn(JSON.parse(data)));
  }

  /** @param {string | undefined} dialog  @returns {Tape | null} of the call with that Call-ID */
  of(dialog) { return this.#tapes.get(dialog) ?? null; }

  /** Begins or goes on to record a call, or pauses. @param {Tape} tape  @returns {Promise<boolean>} whether it worked */
  async set(tape, on) {
    try {
      await this.#ask(tape.id, on); // what became of it comes as an event
      return true;
    } catch {
      this.#learn({ ...tape, failed: true });
      return false;
    }
  }

  #learn(tape) {
    this.#tapes.set(tape.dialog, tape);
    this.dispatchEvent(new Event("change"));
  }
}

/** Which of the words of strings/ stands on the button, "" for no button. @param {Tape | null} tape */
export function word(tape) {
  if (!tape || (!tape.allowed && !tape.on)) return "";
  if (tape.on) return "record.on";
  return tape.failed ? "record.failed" : tape.begun ? "record.paused" : "record.off";
}
