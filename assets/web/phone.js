// phone.js – joins line, microphone and sound into the one phone of the page. It touches no element but the audio ones.

import { close, MicrophoneError } from "./devices.js";
import { outcome } from "./outcome.js";
import { counters, quality } from "./quality.js";
import { target } from "./target.js";
import { progress } from "./transfer.js";

const lingers = 4_000; // ms that a plain end stays before the page is ready for the next call
const measures = 2_000; // ms between two looks at the sound's quality

/**
 * Events: "quality" with detail one of connecting, clear, some, much, silent; "microphone" with detail a key of strings/ when
 * the microphone of a call changed by itself; "stream" when another microphone is open, or none.
 */
export class Phone extends EventTarget {
  #stream = null;
  #heard = false;
  #measure = 0;
  #idle = 0;
  #before = null; // the facts of the call whose other side passed us on, while the new one is not up

  /**
   * @param {object} parts
   * @param {import("./call.js").Call} parts.call
   * @param {import("./sip.js").Line} parts.line
   * @param {import("./devices.js").Devices} parts.devices
   * @param {import("./sound.js").Sound} parts.sound
   * @param {import("./recent.js").Recent} parts.recent
   * @param {HTMLAudioElement} parts.audio  plays the other side
   * @param {{domain: string, pbx: boolean}} parts.site
   */
  constructor(parts) {
    super();
    Object.assign(this, parts);
    const { line, devices } = parts;
    line.addEventListener("incoming", ({ detail }) => this.#incoming(detail));
    line.addEventListener("turnedAway", ({ detail }) => this.#remember(detail.peer, "in", true));
    line.addEventListener("ringing", ({ detail }) => this.#ringing(detail));
    line.addEventListener("accepted", () => this.#accepted());
    line.addEventListener("held", ({ detail }) => this.#held(detail.by));
    line.addEventListener("passing", ({ detail }) => this.#passing(detail.status));
    line.addEventListener("referred", ({ detail }) => this.#referred(detail.peer));
    line.addEventListener("back", ({ detail }) => this.#back(detail));
    line.addEventListener("ended", ({ detail }) => this.#ended(detail));
    line.addEventListener("peer", ({ detail }) => this.#listen(detail.connection));
    devices.addEventListener("chosen", ({ detail }) => this.#chosen(detail));
  }

  /** The open microphone of the call, or null. */
  get stream() { return this.#stream; }

  /** Calls what was typed; says in the call's outcome why not. */
  async dial(typed) {
    if (this.call.live) return;
    const peer = target(typed, this.site.domain);
    if (!peer) {
      this.#fail({ name: typed.trim(), number: "", uri: "" }, typed.trim() ? "failed.target" : "failed.empty");
      return;
    }
    if (this.line.connection !== "ready") {
      this.#fail(peer, "failed.notReady");
      return;
    }
    this.#step("calling", { peer, direction: "out" });
    this.#remember(peer, "out", false);
    const stream = await this.#microphone((key, details) => {
      this.#step("ended", { outcome: { key, kind: "failed", details, offer: "retry" } });
    }, "calling");
    if (stream) this.line.call(peer.uri, stream);
  }

  /** What a page needs that comes after this one to go on with the call, or null. */
  get resumable() {
    const { state, facts } = this.call;
    const { dialog } = this.line;
    if (state !== "talking" || !dialog) return null;
    return { dialog, peer: facts.peer, direction: facts.direction, since: facts.since, muted: facts.muted, held: facts.held };
  }

  /** Goes on with the call of the page that was here before. @param {import("./resume.js").Kept} kept */
  async resume({ dialog, peer, direction, since, muted, held }) {
    if (this.call.live) return;
    this.#step("calling", { peer, direction, since, muted, held, resuming: true });
    const stream = await this.#microphone((key, details) => {
      this.#step("ended", { outcome: { key, kind: "failed", details, offer: "retry" } });
    }, "calling");
    if (stream) this.line.call(peer.uri, stream, dialog);
  }

  /** Answers. Without a microphone it goes on ringing and says why. */
  async answer() {
    if (this.call.state !== "incoming" || this.call.facts.answering) return;
    this.call.learn({ answering: true, trouble: "" });
    this.sound.stop();
    const stream = await this.#microphone((trouble) => this.call.learn({ answering: false, trouble }), "incoming");
    if (stream) this.line.answer(stream);
    else if (this.call.state === "incoming") this.sound.ring();
  }

  /** Hangs up, gives up or declines. */
  hangUp() {
    if (!this.call.live) return;
    if (this.call.state === "calling" && !this.line.peerConnection) {
      this.#ended({ by: "local", cause: "Canceled" }); // the microphone is still being asked for
      return;
    }
    this.line.hangUp();
  }

  toggleMute() {
    if (!["calling", "ringing", "talking"].includes(this.call.state)) return;
    const muted = !this.call.facts.muted;
    this.line.mute(muted);
    this.call.learn({ muted });
    this.#muteTracks();
  }

  /** Puts the other side on hold, or resumes. */
  toggleHold() {
    if (this.call.state !== "talking") return;
    const held = !this.call.facts.held;
    this.line.hold(held);
    this.call.learn({ held });
    this.#muteTracks();
  }

  /** Passes the other side on to what was typed. @returns {boolean} whether it is asked to go there */
  pass(typed) {
    if (this.call.state !== "talking" || this.call.facts.pass?.on) return false;
    const to = target(typed, this.site.domain);
    this.call.learn({ pass: to ? { to, key: "pass.asked", on: true } : { to: null, key: typed.trim() ? "pass.target" : "failed.empty", on: false } });
    if (to) this.line.pass(to.uri);
    return Boolean(to);
  }

  /** Forgets how an earlier try to pass the call on went. */
  clearPass() {
    if (this.call.facts.pass && !this.call.facts.pass.on) this.call.learn({ pass: null });
  }

  /** Sends a key to the other side. */
  key(digit) {
    if (!this.call.takesKeys) return;
    this.line.key(digit);
    this.call.learn({ keys: this.call.facts.keys + digit });
  }

  /** Forgets an ended call. */
  clear() {
    clearTimeout(this.#idle);
    if (this.call.state === "ended") this.#step("idle", {});
  }

  #step(state, facts) {
    clearTimeout(this.#idle);
    this.call.enter(state, facts);
  }

  #fail(peer, key) {
    this.#step("calling", { peer, direction: "out" });
    this.#step("ended", { outcome: { key, kind: "failed", details: "", offer: peer.uri ? "retry" : "" } });
  }

  #remember(peer, direction, missed) {
    this.recent.add({ ...peer, direction, missed, at: Date.now() });
  }

  /** Opens the microphone for a call; null when that failed, or when the call left state while the user was asked. */
  async #microphone(failed, state) {
    try {
      const stream = await this.devices.open();
      if (this.call.state !== state) {
        close(stream);
        return null;
      }
      this.#take(stream);
      return stream;
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      if (this.call.state === state) failed(error.key, error.details);
      return null;
    }
  }

  #take(stream) {
    close(this.#stream);
    this.#stream = stream;
    this.#muteTracks();
    const [track] = stream?.getAudioTracks() ?? [];
    track?.addEventListener("ended", () => this.#stream === stream && this.#unplugged());
    this.dispatchEvent(new Event("stream"));
  }

  /** Lets the microphone's sound out only where nothing speaks against it; JsSIP does the same with its own knowledge. */
  #muteTracks() {
    const { muted, held, heldBy } = this.call.facts;
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !(muted || held || heldBy);
  }

  async #unplugged() {
    const swapped = await this.#swap();
    if (this.call.live) this.dispatchEvent(new CustomEvent("microphone", { detail: swapped ? "microphone.changed" : "microphone.gone" }));
  }

  /** Goes on with the microphone that is chosen now. */
  async #swap() {
    const before = this.#stream;
    try {
      const stream = await this.devices.open();
      if (!this.call.live || this.#stream !== before) {
        close(stream);
        return false;
      }
      await this.line.replaceTrack(stream.getAudioTracks()[0]);
      this.#take(stream);
      return true;
    } catch {
      return false; // the old one stays in use, if it still is one
    }
  }

  #chosen(use) {
    if (use === "microphone" && this.#stream) this.#swap();
    if (use === "loudspeaker") this.devices.route(this.audio, "loudspeaker");
  }

  #incoming({ peer, callee }) {
    this.#step("incoming", { peer, callee, direction: "in" });
    this.sound.ring();
  }

  #ringing({ early, code }) {
    const rang = this.call.facts.rang || code === 180;
    if (this.call.state === "calling") this.#step("ringing", { early, rang });
    else if (this.call.state === "ringing") this.call.learn({ early: this.call.facts.early || early, rang });
    if (this.call.facts.early) this.sound.stop();
    else if (this.call.facts.rang) this.sound.ringback();
  }

  #accepted() {
    this.sound.stop();
    if (!this.call.live || this.call.state === "talking") return;
    const { resuming, muted, held, since } = this.call.facts;
    this.#step("talking", { since: resuming ? since : Date.now(), answering: false, resuming: false });
    this.#leaveBefore();
    if (muted) this.line.mute(true); // of this session, which may be another than the one that was muted
    if (resuming && held) this.line.hold(true);
  }

  /** The other side holds the call, or no more. An announcement before the call is up is no hold. */
  #held(heldBy) {
    const { state, facts } = this.call;
    if (heldBy === facts.heldBy || (state !== "talking" && !facts.resuming)) return;
    this.call.learn({ heldBy });
    this.#muteTracks();
  }

  #passing(status) {
    const { pass } = this.call.facts;
    if (this.call.state !== "talking" || !pass?.on) return;
    this.call.learn({ pass: { to: pass.to, ...progress(status) } });
    if (this.call.facts.pass.done) this.line.hangUp();
  }

  /** The other side passes us on: the new call is the call, and the old one waits until that is up. */
  #referred(peer) {
    const { state, facts } = this.call;
    const follows = state === "talking" && this.#stream !== null;
    if (follows) {
      this.#before = facts;
      this.#step("calling", { peer, direction: "out", muted: facts.muted, from: facts.peer });
      this.#muteTracks();
      this.#remember(peer, "out", false);
    }
    this.line.follow(follows ? this.#stream : null);
  }

  /** The new call came to nothing; the one before is still there. */
  #back(end) {
    this.sound.stop();
    const { peer, muted } = this.call.facts;
    this.#step("talking", { ...this.#before, muted, pass: { to: peer, ...progress(end.code ?? 0) } });
    this.#before = null;
    this.line.mute(muted);
    this.#muteTracks();
  }

  #leaveBefore() {
    if (this.#before?.direction === "in") this.#remember(this.#before.peer, "in", false);
    this.#before = null;
  }

  #ended(end) {
    this.sound.stop();
    this.#leaveBefore();
    this.#take(null);
    if (!this.call.live) return;
    const { state, facts } = this.call;
    const result = outcome(end, { state, ...facts }, { pbx: this.site.pbx, heard: this.#heard });
    if (facts.direction === "in") this.#remember(facts.peer, "in", result.kind === "missed");
    this.#step("ended", { outcome: result });
    if (result.kind === "plain") this.#idle = setTimeout(() => this.clear(), lingers);
  }

  /** Plays what a peer connection receives and watches how it sounds. */
  #listen(pc) {
    clearInterval(this.#measure);
    if (!pc) {
      this.audio.srcObject = null;
      return;
    }
    this.#heard = false;
    this.devices.route(this.audio, "loudspeaker");
    const play = (stream) => {
      this.audio.srcObject = stream;
      this.audio.play().catch(() => {}); // answered by a key press or click, so only a closing call refuses
    };
    const tracks = pc.getReceivers().map((r) => r.track); // of a call that we come back to
    if (tracks.length) play(new MediaStream(tracks));
    pc.addEventListener("track", ({ track, streams }) => play(streams[0] ?? new MediaStream([track])));
    let before = { received: 0, lost: 0 };
    const look = async () => {
      const now = await counters(pc).catch(() => before);
      const word = pc.connectionState === "connected" ? quality(before, now) : "connecting";
      before = now;
      this.#heard ||= word !== "connecting" && word !== "silent";
      this.dispatchEvent(new CustomEvent("quality", { detail: word }));
    };
    this.#measure = setInterval(look, measures);
  }
}
