// talk.js – one call of the page: its state, its leg on the line, and its copy of the microphone.

import { Call } from "./call.js";
import { close } from "./devices.js";
import { progress } from "./transfer.js";

const farewell = 3_000; // ms in which who passed a call on may hang up by itself

/**
 * Events: "change" when something about it did; "gone" with detail {import("./outcome.js").End}; "referred" as a leg's;
 * "peer" when its sound comes another way; "cut" as a leg's.
 */
export class Talk extends EventTarget {
  call = new Call();
  leg = null;
  heard = false; // sound had come from the other side
  before = null; // the talk with who passed us on to this one, until it is up
  partner = null; // the talk that the other side of this one is asked to be connected with
  #last = false; // the partner's side has been asked before this one
  #stream = null;
  #dialog = null; // of the leg that was up last

  constructor() {
    super();
    this.call.addEventListener("change", () => {
      this.#muteTrack();
      this.dispatchEvent(new Event("change"));
    });
  }

  get state() { return this.call.state; }
  get facts() { return this.call.facts; }

  /** The dialog by which the call can be taken over, or null. */
  get dialog() { return this.#dialog; }

  /** What it sends, or null. */
  get stream() { return this.#stream; }

  /** Sends what the microphone hears, as far as nothing speaks against it. */
  async send(microphone) {
    close(this.#stream);
    this.#stream = microphone?.clone() ?? null;
    this.#muteTrack();
    if (this.#stream && this.leg?.peerConnection) await this.leg.replaceTrack(this.#stream.getAudioTracks()[0]);
  }

  /** Goes on by this leg; one that it had before tells nothing any more. */
  take(leg) {
    this.leg = leg;
    const on = (type, handler) => leg.addEventListener(type, ({ detail }) => leg === this.leg && handler(detail));
    on("ringing", (e) => this.#ringing(e));
    on("accepted", ({ peer }) => this.#accepted(peer));
    on("held", ({ by }) => this.#held(by));
    on("passing", ({ status }) => this.#passing(status));
    for (const type of ["referred", "peer", "cut"]) on(type, (detail) => this.#tell(type, detail));
    on("ended", (end) => this.#tell("gone", end));
  }

  /** Takes its own call over by a new leg, after the old one's connection was lost. */
  renew(leg) {
    const old = this.leg;
    this.take(leg);
    leg.addEventListener("accepted", () => old.hangUp());
    this.call.learn({ renewing: true });
    leg.call(this.facts.peer.uri, this.#stream, this.#dialog);
  }

  /** Rings by a new leg, after the connection was lost on which it rang before; answers at once if that was asked for. */
  ringAgain(leg) {
    this.take(leg);
    this.call.learn({ renewing: false });
    if (this.facts.answering && this.#stream) leg.answer(this.#stream);
  }

  mute(muted) {
    this.leg?.mute(muted);
    this.call.learn({ muted });
  }

  /** Puts the other side on hold, or resumes. */
  hold(held) {
    if (this.state !== "talking" || held === this.facts.held) return;
    this.leg.hold(held);
    this.call.learn({ held, said: null });
  }

  /** Asks the other side to call a peer instead of us. */
  pass(to) {
    this.call.learn({ pass: { to, key: "pass.asked", on: true } });
    this.leg.pass(to.uri);
  }

  /** Asks the other side to take our place in another talk, and if that fails, unless it is the last try, the other way round. */
  connect(other, last = false) {
    this.partner = other;
    this.#last = last;
    for (const [talk, to] of [[this, other], [other, this]]) talk.call.learn({ pass: { to: to.facts.peer, key: "connect.asked", on: true } });
    this.leg.connect(other.leg);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Lets sound out only where nothing speaks against it; JsSIP does the same with its own knowledge. */
  #muteTrack() {
    const { muted, held, heldBy } = this.facts;
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !(muted || held || heldBy);
  }

  #ringing({ early, code }) {
    const rang = this.facts.rang || code === 180;
    if (this.state === "calling") this.call.enter("ringing", { early, rang });
    else if (this.state === "ringing") this.call.learn({ early: this.facts.early || early, rang });
  }

  #accepted(answerer) {
    if (!this.call.live) return;
    const { peer } = this.facts;
    if (answerer && /^[*#]/.test(peer.number)) this.call.learn({ peer: answerer }); // a code is nobody
    this.#dialog = this.leg.dialog;
    const { resuming, renewing, muted, held, since } = this.facts;
    if (this.state !== "talking") this.call.enter("talking", { since: resuming ? since : Date.now(), answering: false, resuming: false });
    else this.call.learn({ renewing: false });
    const { before } = this;
    this.before = null;
    if (before) setTimeout(() => before.leg.hangUp(), farewell);
    if (muted) this.leg.mute(true); // of this session, which may be another than the one that was muted
    if ((resuming || renewing) && held) this.leg.hold(true);
  }

  /** The other side holds the call, or no more. An announcement before the call is up is no hold. */
  #held(heldBy) {
    if (heldBy === this.facts.heldBy || (this.state !== "talking" && !this.facts.resuming)) return;
    this.call.learn({ heldBy });
  }

  #passing(status) {
    const how = progress(status);
    const { partner } = this;
    if (partner) this.#connecting(partner, how);
    else if (this.state === "talking" && this.facts.pass?.on) this.call.learn({ pass: { to: this.facts.pass.to, ...how } });
    if (how.done) this.leg.hangUp();
  }

  /** How connecting goes. Not every phone follows who wants it to take another's place. */
  #connecting(partner, { on, done, key }) {
    if (on) return;
    this.partner = null;
    const both = [this, partner].filter(({ state }) => state === "talking");
    if (!done && !this.#last && both.length === 2) {
      partner.connect(this, true);
      return;
    }
    for (const talk of both) talk.call.learn({ pass: { to: talk.facts.pass.to, on, done, key: done ? key : "connect.failed" } });
    if (done) setTimeout(() => partner.call.live && partner.leg.hangUp(), farewell);
  }
}
