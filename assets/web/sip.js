// sip.js – the line to the gateway: JsSIP behind a few verbs and events, one call at a time.

import JsSIP from "jssip";
import { holds } from "./direction.js";
import { replaces } from "./resume.js";
import { peerOf } from "./target.js";

const retryRegister = 5_000; // ms between tries after a refusal
const retryHold = 250; // ms between tries while the last change is under way
const farewell = 3_000; // ms in which who passed us on may hang up by itself
/** What is known of a leg: one session of JsSIP's. */
const fresh = {
  session: null,
  request: null, // the INVITE of a call that came in
  dialog: null,
  up: false, // confirmed: what is agreed can be changed
  holds: false, // as it should be
  changing: false, // a change is under way
  holding: 0, // timer of the next try
};
const audioOnly = { audio: true, video: false };

/**
 * Events, each a CustomEvent: "connection"; "refused" {code} when the gateway does not take our registration;
 * "incoming" {peer, callee}; "turnedAway" {peer} for a second caller, who hears busy; "ringing" {early}; "accepted";
 * "held" {by: boolean} whether the other side holds the call; "passing" {status} of the call that the other side makes for us;
 * "referred" {peer} when the other side passes us on, which follow answers; "back" {End} when that came to nothing;
 * "ended" {import("./outcome.js").End}; "peer" {connection: RTCPeerConnection | null}.
 */
export class Line extends EventTarget {
  #ua = null;
  #leg = null; // the call that is on
  #left = null; // the leg of who passed us on, until the new call is up
  #referral = null; // JsSIP's two answers to a REFER
  #retry = 0;
  #connection = "connecting";

  /** @returns {"connecting"|"ready"|"lost"} */
  get connection() { return this.#connection; }

  /** @returns {RTCPeerConnection | null} of the call that is on */
  get peerConnection() { return this.#leg?.session?.connection ?? null; }

  /** @returns {{callId: string, local: string, remote: string} | null} of the call that is up */
  get dialog() { return this.#leg?.dialog ?? null; }

  /**
   * Connects and registers; the cookie of the sign-in is the credential. The line comes back by itself when it breaks.
   * @param {{uri: string, url: string, display: string}} account  url: of the WebSocket
   */
  start({ uri, url, display }) {
    const ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)],
      uri,
      display_name: display.replace(/["\\]/g, ""),
      user_agent: "Cordboard",
      session_timers: false,
      no_answer_timeout: 180, // s; the PBX gives up earlier and may have a mailbox
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 2, // s; a call survives a restart of the gateway, but not a long silence
    });
    ua.on("connecting", ({ attempts }) => this.#connect(attempts ? "lost" : "connecting"));
    ua.on("disconnected", () => this.#connect("lost"));
    ua.on("registered", () => this.#connect("ready"));
    ua.on("unregistered", () => this.#connect(ua.isConnected() ? "connecting" : "lost"));
    ua.on("registrationFailed", ({ response }) => {
      this.#connect("lost");
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => ua.isConnected() && ua.register(), retryRegister);
      if (response) this.#tell("refused", { code: response.status_code });
    });
    ua.on("newRTCSession", ({ originator, session, request }) => {
      if (originator === "remote") this.#ring(session, request);
    });
    this.#ua = ua;
    ua.start();
  }

  /** Hangs up, unregisters and closes the line. */
  stop() {
    clearTimeout(this.#retry);
    this.#ua?.stop();
    this.#ua?.removeAllListeners();
    this.#ua = null;
  }

  /** Calls uri, sending stream's audio; with a dialog, takes its call over. */
  call(uri, stream, dialog = null) {
    const [leg, eventHandlers] = this.#begin();
    try {
      leg.session = this.#ua.call(uri, { ...media(stream), eventHandlers, extraHeaders: dialog ? [replaces(dialog)] : [] });
    } catch (error) {
      this.#over(leg, { by: "system", cause: "Internal Error", text: error.message });
    }
  }

  /** Answers the call that rings. */
  answer(stream) {
    const leg = this.#leg;
    try {
      leg.session.answer(media(stream));
    } catch (error) {
      this.#over(leg, { by: "system", cause: "Internal Error", text: error.message });
    }
  }

  /** Ends the call: hangs up, gives up calling, or declines with 603. */
  hangUp() {
    const session = this.#leg?.session;
    if (!session || session.isEnded()) return;
    end(this.#left);
    const declines = session.direction === "incoming" && !session.isEstablished();
    session.terminate(declines ? { status_code: 603, reason_phrase: "Decline" } : undefined);
  }

  /** Sends a key as RFC 4733 event. */
  key(digit) {
    this.#leg?.session.sendDTMF(digit, { transportType: "RFC2833", duration: 120, interToneGap: 70 });
  }

  mute(on) {
    if (on) this.#leg?.session.mute(audioOnly);
    else this.#leg?.session.unmute(audioOnly);
  }

  /** Holds the call or resumes it, by re-INVITE (RFC 3264 §8.4); as soon as it can be done. */
  hold(on) {
    if (!this.#leg) return;
    this.#leg.holds = on;
    this.#changeHold(this.#leg);
  }

  #changeHold(leg) {
    clearTimeout(leg.holding);
    const { session, holds, up, changing } = leg;
    if (!up || changing || session.isEnded() || session.isOnHold().local === holds) return;
    const done = () => {
      leg.changing = false;
      this.#changeHold(leg);
    };
    leg.changing = holds ? session.hold({}, done) : session.unhold({}, done);
    if (!leg.changing) leg.holding = setTimeout(() => this.#changeHold(leg), retryHold);
  }

  /** Asks the other side to call uri instead of us (REFER, RFC 3515); "passing" tells how it goes. */
  pass(uri) {
    const tell = (status) => this.#tell("passing", { status });
    const heard = ({ status_line }) => tell(Number(status_line.status_code));
    const asked = this.#leg?.session.refer(uri, {
      eventHandlers: { trying: heard, progress: heard, accepted: heard, failed: heard, requestFailed: () => tell(0) },
    });
    if (!asked) tell(0);
  }

  /** Calls whom the other side passes us on to, or refuses to without a stream. The leg that was on stays until the new one is up. */
  follow(stream) {
    const { accept, reject } = this.#referral;
    this.#referral = null;
    if (!stream) {
      reject();
      return;
    }
    const before = this.#leg;
    const [leg, eventHandlers] = this.#begin();
    this.#left = before;
    accept((session) => { leg.session = session; }, { ...media(stream), eventHandlers });
  }

  /** Sends track instead of the one sent until now. */
  async replaceTrack(track) {
    const senders = this.peerConnection?.getSenders() ?? [];
    await Promise.all(senders.filter((s) => !s.track || s.track.kind === "audio").map((s) => s.replaceTrack(track)));
  }

  #connect(state) {
    if (state === this.#connection) return;
    this.#connection = state;
    this.#tell("connection");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #ring(session, request) {
    const from = session.remote_identity;
    const peer = peerOf(from.display_name, from.uri.user, from.uri.toString());
    if (this.#leg) {
      session.terminate({ status_code: 486, reason_phrase: "Busy Here" });
      this.#tell("turnedAway", { peer });
      return;
    }
    this.#leg = { ...fresh, session, request };
    this.#watch(this.#leg, (event, handler) => session.on(event, handler));
    const to = request.to;
    this.#tell("incoming", { peer, callee: to.display_name || to.uri.user });
  }

  /** A new leg as the call that is on, and the handlers for its session. */
  #begin() {
    const leg = { ...fresh };
    const handlers = {};
    this.#leg = leg;
    this.#watch(leg, (event, handler) => (handlers[event] = handler));
    return [leg, handlers];
  }

  /** Listens to a leg's session, while it is the call that is on; listen adds one handler. */
  #watch(leg, listen) {
    const on = (event, handler) => listen(event, (e) => leg === this.#leg && handler(e));
    on("peerconnection", ({ peerconnection }) => this.#tell("peer", { connection: peerconnection }));
    // The gateway is reachable and learns our address from the first check, so one candidate is enough (RFC 8445 §2.5).
    listen("icecandidate", ({ ready }) => ready());
    on("progress", ({ originator, response }) => {
      if (originator === "remote") this.#tell("ringing", { early: Boolean(response?.body), code: response?.status_code });
    });
    on("accepted", ({ response }) => {
      const of = response ?? leg.request; // the dialog's tags: ours is in From of a call out, in To of a call in
      const [local, remote] = response ? [of.from_tag, of.to_tag] : [of.to_tag, of.from_tag];
      leg.dialog = { callId: of.call_id, local, remote };
      const left = this.#left;
      this.#left = null;
      setTimeout(() => end(left), farewell);
      this.#tell("accepted");
    });
    // JsSIP sees a crossing offer (RFC 3261 §14.2) only once its own is sent, not while the browser still makes it.
    listen("reinvite", ({ reject }) => leg.changing && reject({ status_code: 491, reason_phrase: "Request Pending" }));
    listen("confirmed", () => {
      leg.up = true;
      this.#changeHold(leg);
    });
    on("sdp", ({ originator, sdp }) => originator === "remote" && this.#tell("held", { by: holds(sdp) }));
    listen("refer", ({ request, accept, reject }) => {
      if (leg !== this.#leg || this.#left) {
        reject();
        return;
      }
      this.#referral = { accept, reject };
      const { display_name, uri } = request.refer_to;
      const to = uri.clone();
      to.clearHeaders();
      this.#tell("referred", { peer: peerOf(display_name, to.user, to.toString()) });
    });
    listen("ended", (e) => this.#over(leg, endOf(e)));
    listen("failed", (e) => this.#over(leg, endOf(e)));
  }

  #over(leg, why) {
    clearTimeout(leg.holding);
    if (leg === this.#left) this.#left = null; // who passed us on is gone
    if (leg !== this.#leg) return;
    this.#leg = this.#left;
    this.#left = null;
    this.#tell("peer", { connection: this.peerConnection });
    this.#tell(this.#leg ? "back" : "ended", why);
  }
}

/** Hangs a leg up that may be gone already. */
function end(leg) {
  if (leg && !leg.session.isEnded()) leg.session.terminate();
}

/** What JsSIP must know of our sound. */
function media(stream) {
  return { mediaStream: stream, mediaConstraints: audioOnly, pcConfig: { iceServers: [] } };
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
