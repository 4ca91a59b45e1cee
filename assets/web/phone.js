// phone.js – joins line, microphone and sound into the one phone of the page. It touches no element but the audio ones.

import { close, MicrophoneError } from "./devices.js";
import { outcome } from "./outcome.js";
import { counters, quality } from "./quality.js";
import { Talk } from "./talk.js";
import { target } from "./target.js";
import { progress } from "./transfer.js";

const lingers = 4_000; // ms that a plain end stays before the page is ready for the next call
const measures = 2_000; // ms between two looks at the sound's quality
const returns = 12_000; // ms in which a call that rang when the line was lost rings again; the gateway waits 10 s
const most = 4; // calls at a time; one more hears busy

/**
 * One call is on stage: the one that is heard, or rings, or has just ended. Others wait.
 *
 * Events: "change" when something about a call did, or another one is on stage; "quality" with detail one of connecting, clear,
 * some, much, silent; "trouble" when the word about what is wrong may be another; "microphone" with detail a key of strings/ when the microphone of a call changed by itself; "stream" when
 * another microphone is open, or none.
 */
export class Phone extends EventTarget {
  #stage = new Talk();
  #others = [];
  #stream = null;
  #heardFrom = null; // the peer connection that is played
  #lost = false; // the line was lost since the calls were up
  #measure = 0;
  #idle = 0;

  /**
   * @param {object} parts
   * @param {import("./sip.js").Line} parts.line
   * @param {import("./devices.js").Devices} parts.devices
   * @param {import("./sound.js").Sound} parts.sound
   * @param {import("./recent.js").Recent} parts.recent
   * @param {HTMLAudioElement} parts.audio  plays the other side
   * @param {{domain: string, pbx: boolean}} parts.site
   * @param {import("./lamps.js").Lamps} parts.lamps
   * @param {import("./tapes.js").Tapes} parts.tapes
   * @param {import("./trouble.js").Troubles} parts.troubles
   */
  constructor(parts) {
    super();
    Object.assign(this, parts);
    const { line, devices } = parts;
    line.addEventListener("incoming", ({ detail }) => this.#incoming(detail));
    line.addEventListener("connection", () => this.#connection());
    devices.addEventListener("chosen", ({ detail }) => this.#chosen(detail));
    parts.troubles.addEventListener("change", () => this.dispatchEvent(new Event("trouble")));
  }

  /** The call on stage. */
  get call() { return this.#stage.call; }

  /** One word about what the gateway finds wrong with the sound of the call on stage; "" for nothing. */
  get trouble() { return this.troubles.of(this.#stage.dialog?.callId); }

  /** @returns {Talk[]} the calls that wait, the latest first */
  get others() { return this.#others; }

  /** Whether any call is on. */
  get live() { return this.#all.some(({ call }) => call.live); }

  /** The open microphone, or null. */
  get stream() { return this.#stream; }

  /** The dialog of the call on stage, or null. */
  get dialog() { return this.#stage.dialog; }

  /** @returns {RTCPeerConnection | null} of the call on stage */
  get peerConnection() { return this.#stage.leg?.peerConnection ?? null; }

  get #all() { return [this.#stage, ...this.#others]; }

  /** Calls what was typed; a call that is up waits meanwhile. Why not is in the call's outcome. */
  async dial(typed) {
    if (this.call.live && this.call.state !== "talking") return;
    const asked = target(typed, this.site.domain);
    if (!asked) {
      this.#fail({ name: typed.trim(), number: "", uri: "" }, typed.trim() ? "failed.target" : "failed.empty");
      return;
    }
    const peer = this.lamps.known(asked, this.site.domain);
    if (this.line.connection !== "ready") {
      this.#fail(peer, "failed.notReady");
      return;
    }
    this.#stage.hold(true);
    const talk = this.#begin(peer, { direction: "out" });
    this.#remember(peer, "out", false);
    if (await this.#open(talk, "calling")) talk.leg.call(peer.uri, talk.stream);
  }

  /** Whether a call rings here. */
  get rings() { return this.#all.some(({ state }) => state === "incoming"); }

  /** What a page needs that comes after this one to go on with its calls, the one on stage first. */
  get resumable() {
    return this.#all.filter(({ state, dialog }) => state === "talking" && dialog).map(({ facts, dialog }) => {
      const { peer, direction, since, muted, held } = facts;
      return { dialog, peer, direction, since, muted, held };
    });
  }

  /** Goes on with the calls of the page that was here before. @param {import("./resume.js").Kept[]} kept */
  async resume(kept) {
    if (this.live) return;
    const talks = [...kept].reverse().map(({ dialog, peer, ...facts }) => [this.#begin(peer, { ...facts, resuming: true }), dialog]);
    for (const [talk, dialog] of talks.reverse()) {
      if (await this.#open(talk, "calling")) talk.leg.call(talk.facts.peer.uri, talk.stream, dialog);
    }
  }

  /** Answers; a call that is up waits meanwhile. Without a microphone it goes on ringing and says why. */
  async answer(talk = this.#stage) {
    if (talk.state !== "incoming" || talk.facts.answering) return;
    this.#stage.hold(true);
    this.#show(talk);
    talk.call.learn({ answering: true, trouble: "" });
    if (await this.#open(talk, "incoming") && !talk.facts.renewing) talk.leg.answer(talk.stream);
  }

  /** Hangs up, gives up or declines. */
  hangUp(talk = this.#stage) {
    if (!talk.call.live) return;
    const silent = talk.leg.over || (talk.state === "calling" && !talk.leg.peerConnection); // the microphone is still being asked for
    talk.before?.leg.hangUp();
    if (silent) this.#close(talk, outcome({ by: "local", cause: "Canceled" }, talk.facts));
    else talk.leg.hangUp();
  }

  /** Lets a call wait and goes on with another. */
  swap(talk) {
    if (talk.state !== "talking") return;
    this.#stage.hold(true);
    this.#show(talk);
    talk.hold(false);
  }

  /** Connects the other sides of the call on stage and of one that waits. A colleague's page is asked first: it is sure to follow. */
  connect(talk) {
    const stage = this.#stage;
    if ([talk, stage].some(({ state, facts }) => state !== "talking" || facts.pass?.on)) return;
    const [first, second] = this.lamps.has(stage.facts.peer, this.site.domain) ? [stage, talk] : [talk, stage];
    first.connect(second);
  }

  toggleMute() {
    if (["calling", "ringing", "talking"].includes(this.call.state)) this.#stage.mute(!this.call.facts.muted);
  }

  /** Puts the other side on hold, or resumes. */
  toggleHold() {
    this.#stage.hold(!this.call.facts.held);
  }

  /** Passes the other side on to what was typed. @returns {boolean} whether it is asked to go there */
  pass(typed) {
    if (this.call.state !== "talking" || this.call.facts.pass?.on) return false;
    const to = target(typed, this.site.domain);
    if (to) this.#stage.pass(this.lamps.known(to, this.site.domain));
    else this.call.learn({ pass: { to: null, key: typed.trim() ? "pass.target" : "failed.empty", on: false } });
    return Boolean(to);
  }

  /** Forgets how an earlier try to pass the call on went. */
  clearPass() {
    if (this.call.facts.pass && !this.call.facts.pass.on) this.call.learn({ pass: null });
  }

  /** Sends a key to the other side. */
  key(digit) {
    if (!this.call.takesKeys) return;
    this.#stage.leg.key(digit);
    this.call.learn({ keys: this.call.facts.keys + digit });
  }

  /** Forgets an ended call. */
  clear() {
    clearTimeout(this.#idle);
    if (this.call.state === "ended") this.call.enter("idle");
  }

  /** The network may be another one: whatever connection there was is made anew, and with it the calls. */
  networkChanged() {
    if (this.#all.some(({ state }) => state === "talking" || state === "incoming")) this.line.reconnect();
  }

  #fail(peer, key) {
    if (this.call.live) {
      this.call.learn({ said: { key, peer } });
      return;
    }
    this.#begin(peer, { direction: "out" });
    this.call.enter("ended", { outcome: { key, kind: "failed", details: "", offer: peer.uri ? "retry" : "" } });
  }

  #remember(peer, direction, missed) {
    this.recent.add({ ...peer, direction, missed, at: Date.now() });
  }

  /** A call of ours, on stage. */
  #begin(peer, facts) {
    const talk = this.#talk(this.line.begin());
    this.#show(talk);
    talk.call.enter("calling", { peer, ...facts });
    return talk;
  }

  #talk(leg) {
    const talk = new Talk();
    talk.take(leg);
    talk.addEventListener("change", () => this.#changed());
    talk.addEventListener("gone", ({ detail }) => this.#gone(talk, detail));
    talk.addEventListener("referred", ({ detail }) => this.#referred(talk, detail));
    talk.addEventListener("peer", () => this.#changed());
    talk.addEventListener("cut", () => this.networkChanged());
    return talk;
  }

  /** Brings a talk on stage; who was there waits, if that call is on. */
  #show(talk) {
    clearTimeout(this.#idle);
    if (talk === this.#stage) return;
    const others = this.#others.filter((t) => t !== talk);
    this.#others = this.call.live ? [this.#stage, ...others] : others;
    this.#stage = talk;
    this.#changed();
  }

  /** Takes a talk off; another one that is on comes on stage in its place, one that rings first. */
  #remove(talk, said) {
    this.#others = this.#others.filter((t) => t !== talk);
    if (talk === this.#stage) {
      const [next] = [...this.#others].sort((a, b) => (b.state === "incoming") - (a.state === "incoming"));
      if (next) {
        this.#show(next);
        if (said) next.call.learn({ said });
      }
    }
    this.#changed();
  }

  /** Brings sound in line with the calls, and tells. */
  #changed() {
    const { state, facts } = this.call;
    if (state === "incoming" && !facts.answering) this.sound.ring();
    else if (this.#others.some((t) => t.state === "incoming")) this.sound.knock();
    else if (state === "ringing" && facts.rang && !facts.early) this.sound.ringback();
    else this.sound.stop();
    this.#listen(this.call.live ? this.peerConnection : null);
    if (!this.live) this.#take(null);
    this.dispatchEvent(new Event("change"));
  }

  /** Opens the microphone for a call; false when that failed, or when the call left state while the user was asked. */
  async #open(talk, state) {
    try {
      const stream = this.#stream ?? await this.devices.open();
      if (talk.state !== state) {
        if (stream !== this.#stream) close(stream);
        return false;
      }
      this.#take(stream);
      await talk.send(stream);
      return true;
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      if (talk.state !== state) return false;
      if (state === "incoming") talk.call.learn({ answering: false, trouble: error.key });
      else this.#close(talk, { key: error.key, kind: "failed", details: error.details, offer: "retry" });
      return false;
    }
  }

  #take(stream) {
    if (stream === this.#stream) return;
    close(this.#stream);
    this.#stream = stream;
    const [track] = stream?.getAudioTracks() ?? [];
    track?.addEventListener("ended", () => this.#stream === stream && this.#unplugged());
    this.dispatchEvent(new Event("stream"));
  }

  async #unplugged() {
    const swapped = await this.#swapMicrophone();
    if (this.live) this.dispatchEvent(new CustomEvent("microphone", { detail: swapped ? "microphone.changed" : "microphone.gone" }));
  }

  /** Goes on with the microphone that is chosen now. */
  async #swapMicrophone() {
    const before = this.#stream;
    try {
      const stream = await this.devices.open();
      if (!this.live || this.#stream !== before) {
        close(stream);
        return false;
      }
      await Promise.all(this.#all.filter((t) => t.stream).map((t) => t.send(stream)));
      this.#take(stream);
      return true;
    } catch {
      return false; // the old one stays in use, if it still is one
    }
  }

  #chosen(use) {
    if (use === "microphone" && this.#stream) this.#swapMicrophone();
    if (use === "loudspeaker") this.devices.route(this.audio, "loudspeaker");
  }

  #incoming({ leg, peer, callee }) {
    const before = this.#all.find((t) => t.state === "incoming" && t.facts.renewing && t.leg.callId === leg.callId);
    if (before) {
      before.ringAgain(leg);
      return;
    }
    if (this.#all.filter(({ call }) => call.live).length >= most) {
      leg.refuse();
      this.#remember(peer, "in", true);
      return;
    }
    const talk = this.#talk(leg);
    if (this.call.live) this.#others = [talk, ...this.#others];
    else this.#show(talk);
    talk.call.enter("incoming", { peer, callee, direction: "in" });
  }

  /** The other side passes us on: the new call is on stage, and the old one waits unseen until that is up. */
  #referred(talk, { peer, follow, refuse }) {
    if (talk.state !== "talking" || !this.#stream || this.#all.some((t) => t.before === talk)) {
      refuse();
      return;
    }
    const next = this.#talk(this.line.begin());
    next.before = talk;
    if (talk === this.#stage) this.#stage = next;
    else this.#others = this.#others.map((t) => (t === talk ? next : t));
    next.call.enter("calling", { peer, direction: "out", muted: talk.facts.muted, from: talk.facts.peer });
    next.send(this.#stream);
    this.#remember(peer, "out", false);
    follow(next.leg, next.stream);
  }

  /** A talk's leg has ended. */
  #gone(talk, end) {
    if (!talk.call.live) return;
    const { before, facts, state } = talk;
    if (before?.call.live) { // who passed us on is still there
      if (talk === this.#stage) this.#stage = before;
      else this.#others = this.#others.map((t) => (t === talk ? before : t));
      talk.call.enter("ended", { outcome: outcome(end, facts) });
      talk.send(null);
      before.call.learn({ pass: { to: facts.peer, ...progress(end.code ?? 0) } });
      return;
    }
    if (state === "talking" && this.#comesBack(facts, end.cause)) {
      talk.call.learn({ renewing: true });
      return;
    }
    const result = outcome(end, { ...facts, state }, { pbx: this.site.pbx, heard: talk.heard });
    if (facts.direction === "in") this.#remember(facts.peer, "in", result.kind === "missed");
    this.#close(talk, result);
  }

  #close(talk, result) {
    const { facts } = talk;
    const tape = this.tapes.of(talk.dialog?.callId);
    if (tape?.begun) this.recent.taped(facts.peer.uri, tape.id);
    talk.call.enter("ended", { outcome: result });
    talk.send(null);
    this.#remove(talk, result.key === "ended.local" ? null : { key: result.key, peer: facts.peer, to: facts.pass?.to });
    if (talk === this.#stage && result.kind === "plain") this.#idle = setTimeout(() => this.clear(), lingers);
  }

  /** Whether a call that broke off with the connection is taken over when the line is back. */
  #comesBack(facts, cause) {
    if (cause === "Connection Error") return true;
    return facts.renewing ? cause === "Request Timeout" : cause === "RTP Timeout" && this.line.connection === "lost";
  }

  /** A call that rings on a connection that is gone can't be answered there. The gateway lets it ring again on the next one. */
  #suspend(talk) {
    if (talk.state !== "incoming" || talk.facts.renewing || !talk.leg.cutOff) return;
    const { leg } = talk;
    leg.drop();
    talk.call.learn({ renewing: true });
    setTimeout(() => talk.leg === leg && this.#gone(talk, { by: "system", cause: "Connection Error" }), returns);
  }

  /** When the line is back, calls that were up are taken over by legs on the new connection. */
  #connection() {
    const { connection } = this.line;
    if (connection === "lost") {
      this.#lost = true;
      for (const talk of this.#all) this.#suspend(talk);
    }
    if (connection !== "ready" || !this.#lost) return;
    this.#lost = false;
    for (const talk of this.#all) if (talk.state === "talking") talk.renew(this.line.begin());
  }

  /** Plays what a peer connection receives and watches how it sounds. */
  #listen(pc) {
    if (pc === this.#heardFrom) return;
    this.#heardFrom = pc;
    clearInterval(this.#measure);
    if (!pc) {
      this.audio.srcObject = null;
      return;
    }
    const talk = this.#stage;
    this.devices.route(this.audio, "loudspeaker");
    const play = (stream) => {
      if (pc !== this.#heardFrom) return;
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
      talk.heard ||= word !== "connecting" && word !== "silent";
      this.dispatchEvent(new CustomEvent("quality", { detail: word }));
    };
    this.#measure = setInterval(look, measures);
  }
}
