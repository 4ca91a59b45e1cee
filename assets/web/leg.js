// leg.js – one call on the line: a session of JsSIP's behind a few verbs and events.

import JsSIP from "jssip";
import { holds } from "./direction.js";
import { replaces, replacesValue } from "./resume.js";
import { elsewhere, peerOf } from "./target.js";

const retryHold = 250; // ms between tries while the last change is under way
const patience = 2_000; // ms that the sound's path may be cut before we say so
const audioOnly = { audio: true, video: false };

/**
 * Events, each a CustomEvent: "ringing" {early, code}; "accepted" {peer} who answered, null if the other side
 * does not say; "held" {by: boolean} whether the other side holds the call;
 * "passing" {status} of the call that the other side makes for us, 0: it does not; "referred" {peer, follow(leg, stream), refuse()}
 * when the other side passes us on; "peer" {connection: RTCPeerConnection}; "cut" when no sound gets through any more;
 * "ended" {import("./outcome.js").End}, the last one.
 */
export class Leg extends EventTarget {
  #ua;
  #session = null;
  #request; // the INVITE of a call that came in
  #dialog = null;
  #up = false; // confirmed: what is agreed can be changed
  #holds = false; // as it should be
  #changing = false; // a change is under way
  #timers = { hold: 0, cut: 0 };
  #over = false;

  /** @param {import("jssip").UA} ua  @param {object} [incoming]  JsSIP's session and request of a call that came in */
  constructor(ua, incoming = {}) {
    super();
    this.#ua = ua;
    this.#request = incoming.request ?? null;
    if (!incoming.session) return;
    this.#session = incoming.session;
    this.#watch((event, handler) => this.#session.on(event, handler));
  }

  /** @returns {RTCPeerConnection | null} */
  get peerConnection() { return this.#session?.connection ?? null; }

  /** @returns {{callId: string, local: string, remote: string} | null} once the call is up */
  get dialog() { return this.#dialog; }

  /** The Call-ID of a call that came in. */
  get callId() { return this.#request?.call_id; }

  /** Whether the connection is gone. */
  get cutOff() { return !this.#ua.isConnected(); }

  /** Whether it has ended. */
  get over() { return this.#over; }

  /** The address of the other side, as the dialog knows it. */
  get remoteURI() { return this.#session.remote_identity.uri.toString(); }

  /** Calls uri, sending stream's audio; with a dialog, takes its call over. */
  call(uri, stream, dialog = null) {
    this.#open((eventHandlers) => {
      this.#session = this.#ua.call(uri, { ...media(stream), eventHandlers, extraHeaders: dialog ? [replaces(dialog)] : [] });
    });
  }

  answer(stream) {
    this.#open(() => this.#session.answer(media(stream)));
  }

  /** Ends the call: hangs up, gives up calling, or declines with 603. */
  hangUp() {
    if (!this.#session || this.#session.isEnded()) return;
    const declines = this.#session.direction === "incoming" && !this.#session.isEstablished();
    this.#session.terminate(declines ? { status_code: 603, reason_phrase: "Decline" } : undefined);
  }

  /** Answers a call that rings with 486. */
  refuse() {
    this.#session.terminate({ status_code: 486, reason_phrase: "Busy Here" });
  }

  /** Forgets a call that rings, without a word. */
  drop() {
    this.#over = true;
    if (!this.#session.isEnded()) this.#session.terminate();
  }

  /** Sends a key: as RFC 4733 event where that was agreed on, else by INFO, which the gateway turns into what the other side takes. */
  key(digit) {
    const sender = this.peerConnection?.getSenders().find(({ track }) => track?.kind === "audio");
    const transportType = sender?.dtmf?.canInsertDTMF ? "RFC2833" : "INFO";
    this.#session?.sendDTMF(digit, { transportType, duration: 120, interToneGap: 70 });
  }

  mute(on) {
    if (on) this.#session?.mute(audioOnly);
    else this.#session?.unmute(audioOnly);
  }

  /** Holds the call or resumes it, by re-INVITE (RFC 3264 §8.4); as soon as it can be done. */
  hold(on) {
    this.#holds = on;
    this.#changeHold();
  }

  #changeHold() {
    clearTimeout(this.#timers.hold);
    const session = this.#session;
    if (!this.#up || this.#changing || session.isEnded() || session.isOnHold().local === this.#holds) return;
    const done = () => {
      this.#changing = false;
      this.#changeHold();
    };
    this.#changing = this.#holds ? session.hold({}, done) : session.unhold({}, done);
    if (!this.#changing) this.#timers.hold = setTimeout(() => this.#changeHold(), retryHold);
  }

  /** Asks the other side to call uri instead of us (REFER, RFC 3515). */
  pass(uri) {
    const tell = (status) => this.#tell("passing", { status });
    const heard = ({ status_line }) => tell(Number(status_line.status_code));
    const asked = this.#session?.refer(uri, {
      eventHandlers: { trying: heard, progress: heard, accepted: heard, failed: heard, requestFailed: () => tell(0) },
    });
    if (!asked) tell(0);
  }

  /** Asks the other side to take our place in the call of another leg (REFER with Replaces, RFC 3891). */
  connect(other) {
    const to = other.remoteURI.replace(/[?].*$/, "");
    this.pass(`${to}?Replaces=${encodeURIComponent(replacesValue(other.dialog))}`);
  }

  /** Sends track instead of the one sent until now. */
  async replaceTrack(track) {
    const senders = this.peerConnection?.getSenders() ?? [];
    await Promise.all(senders.filter((s) => !s.track || s.track.kind === "audio").map((s) => s.replaceTrack(track)));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Runs what begins a session; a browser that can't ends the call. */
  #open(begin) {
    const handlers = {};
    if (!this.#session) this.#watch((event, handler) => (handlers[event] = handler));
    try {
      begin(handlers);
    } catch (error) {
      this.#finish({ by: "system", cause: "Internal Error", text: error.message });
    }
  }

  /** Listens to the session; on adds one handler. */
  #watch(on) {
    on("peerconnection", ({ peerconnection }) => {
      this.#watchPath(peerconnection);
      this.#tell("peer", { connection: peerconnection });
    });
    // The gateway is reachable and learns our address from the first check, so one candidate is enough (RFC 8445 §2.5).
    on("icecandidate", ({ ready }) => ready());
    on("progress", ({ originator, response }) => {
      if (originator === "remote") this.#tell("ringing", { early: Boolean(response?.body), code: response?.status_code });
    });
    on("accepted", ({ response }) => {
      const of = response ?? this.#request; // the dialog's tags: ours is in From of a call out, in To of a call in
      const [local, remote] = response ? [of.from_tag, of.to_tag] : [of.to_tag, of.from_tag];
      this.#dialog = { callId: of.call_id, local, remote };
      this.#tell("accepted", { peer: asserted(of) });
    });
    // JsSIP sees a crossing offer (RFC 3261 §14.2) only once its own is sent, not while the browser still makes it.
    on("reinvite", ({ reject }) => this.#changing && reject({ status_code: 491, reason_phrase: "Request Pending" }));
    on("confirmed", () => {
      this.#up = true;
      this.#changeHold();
    });
    on("sdp", ({ originator, sdp }) => originator === "remote" && this.#tell("held", { by: holds(sdp) }));
    on("refer", ({ request, accept, reject }) => this.#referred(request.refer_to, accept, reject));
    on("ended", (e) => this.#finish(endOf(e)));
    on("failed", (e) => this.#finish(endOf(e)));
  }

  #referred({ display_name, uri }, accept, refuse) {
    const to = uri.clone();
    to.clearHeaders();
    const follow = (leg, stream) => leg.#open((eventHandlers) => {
      accept((session) => { leg.#session = session; }, { ...media(stream), eventHandlers });
    });
    this.#tell("referred", { peer: peerOf(display_name, to.user, to.toString(), elsewhere(to.host, this.#session.local_identity.uri.host)), follow, refuse });
  }

  /** Says when the browser has had no sign of the gateway's sound for a while; it gives up only much later, and for good. */
  #watchPath(pc) {
    pc.addEventListener("iceconnectionstatechange", () => {
      clearTimeout(this.#timers.cut);
      if (pc.iceConnectionState !== "disconnected") return;
      this.#timers.cut = setTimeout(() => !this.#over && this.#tell("cut"), patience);
    });
  }

  #finish(end) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timers.hold);
    clearTimeout(this.#timers.cut);
    this.#tell("ended", end);
  }
}

/** What JsSIP must know of our sound. */
function media(stream) {
  return { mediaStream: stream, mediaConstraints: audioOnly, pcConfig: { iceServers: [] } };
}

/** @returns {import("./call.js").Peer | null} who a message says that its sender is (RFC 3325) */
function asserted(message) {
  const found = JsSIP.NameAddrHeader.parse(message.getHeader("P-Asserted-Identity") ?? "");
  return found ? peerOf(found.display_name, found.uri.user, found.uri.toString()) : null;
}

/** @returns {import("./outcome.js").End} what JsSIP tells of a call's end */
function endOf({ originator, message, cause }) {
  const end = { by: originator, cause };
  const header = (name) => message?.getHeader?.(name) ?? "";
  if (message?.status_code) {
    end.code = message.status_code;
    end.reason = message.reason_phrase;
    end.text = /"([^"]*)"/.exec(header("Warning"))?.[1] ?? "";
    return end;
  }
  const reason = header("Reason"); // RFC 3326: SIP;cause=200;text="Call completed elsewhere"
  end.text = /text="([^"]*)"/i.exec(reason)?.[1] ?? "";
  if (/^\s*SIP/i.test(reason)) end.elsewhere = Number(/cause=(\d+)/i.exec(reason)?.[1] ?? 0);
  return end;
}
