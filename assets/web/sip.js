// sip.js – the line to the gateway: JsSIP behind a few verbs and events, one call at a time.

import JsSIP from "jssip";
import { holds } from "./direction.js";
import { replaces } from "./resume.js";
import { peerOf } from "./target.js";

const retryRegister = 5_000; // ms between tries after a refusal
const retryHold = 250; // ms between tries while the last change is under way
const audioOnly = { audio: true, video: false };

/**
 * Events, each a CustomEvent: "connection"; "refused" {code} when the gateway does not take our registration;
 * "incoming" {peer, callee}; "turnedAway" {peer} for a second caller, who hears busy; "ringing" {early}; "accepted";
 * "held" {by: boolean} whether the other side holds the call; "ended" {import("./outcome.js").End}; "peer" {connection: RTCPeerConnection | null}.
 */
export class Line extends EventTarget {
  #ua = null;
  #session = null;
  #request = null; // the INVITE of a call that came in
  #dialog = null;
  #up = false; // the call is confirmed: what is agreed can be changed
  #holds = false;
  #holding = 0;
  #retry = 0;
  #connection = "connecting";

  /** @returns {"connecting"|"ready"|"lost"} */
  get connection() { return this.#connection; }

  /** @returns {RTCPeerConnection | null} of the call that is on */
  get peerConnection() { return this.#session?.connection ?? null; }

  /** @returns {{callId: string, local: string, remote: string} | null} of the call that is up */
  get dialog() { return this.#dialog; }

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
      connection_recovery_max_interval: 8,
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
    const handlers = {};
    this.#follow((event, handler) => (handlers[event] = handler));
    try {
      this.#session = this.#ua.call(uri, { mediaStream: stream, mediaConstraints: audioOnly, pcConfig: { iceServers: [] }, eventHandlers: handlers,
        extraHeaders: dialog ? [replaces(dialog)] : [] });
    } catch (error) {
      this.#over({ by: "system", cause: "Internal Error", text: error.message });
    }
  }

  /** Answers the call that rings. */
  answer(stream) {
    try {
      this.#session.answer({ mediaStream: stream, mediaConstraints: audioOnly, pcConfig: { iceServers: [] } });
    } catch (error) {
      this.#over({ by: "system", cause: "Internal Error", text: error.message });
    }
  }

  /** Ends the call: hangs up, gives up calling, or declines with 603. */
  hangUp() {
    const session = this.#session;
    if (!session || session.isEnded()) return;
    const declines = session.direction === "incoming" && !session.isEstablished();
    session.terminate(declines ? { status_code: 603, reason_phrase: "Decline" } : undefined);
  }

  /** Sends a key as RFC 4733 event. */
  key(digit) {
    this.#session?.sendDTMF(digit, { transportType: "RFC2833", duration: 120, interToneGap: 70 });
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
    clearTimeout(this.#holding);
    const session = this.#session;
    if (!this.#up || session.isEnded() || session.isOnHold().local === this.#holds) return;
    const asked = this.#holds ? session.hold() : session.unhold();
    if (!asked) this.#holding = setTimeout(() => this.#changeHold(), retryHold);
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
    if (this.#session) {
      session.terminate({ status_code: 486, reason_phrase: "Busy Here" });
      this.#tell("turnedAway", { peer });
      return;
    }
    this.#session = session;
    this.#request = request;
    this.#follow((event, handler) => session.on(event, handler));
    const to = request.to;
    this.#tell("incoming", { peer, callee: to.display_name || to.uri.user });
  }

  /** Listens to a session; listen adds one handler. */
  #follow(listen) {
    listen("peerconnection", ({ peerconnection }) => this.#tell("peer", { connection: peerconnection }));
    // The gateway is reachable and learns our address from the first check, so one candidate is enough (RFC 8445 §2.5).
    listen("icecandidate", ({ ready }) => ready());
    listen("progress", ({ originator, response }) => {
      if (originator === "remote") this.#tell("ringing", { early: Boolean(response?.body), code: response?.status_code });
    });
    listen("accepted", ({ response }) => {
      const of = response ?? this.#request; // the dialog's tags: ours is in From of a call out, in To of a call in
      const [local, remote] = response ? [of.from_tag, of.to_tag] : [of.to_tag, of.from_tag];
      this.#dialog = { callId: of.call_id, local, remote };
      this.#tell("accepted");
    });
    listen("confirmed", () => {
      this.#up = true;
      this.#changeHold();
    });
    listen("sdp", ({ originator, sdp }) => originator === "remote" && this.#tell("held", { by: holds(sdp) }));
    listen("ended", (e) => this.#over(endOf(e)));
    listen("failed", (e) => this.#over(endOf(e)));
  }

  #over(end) {
    clearTimeout(this.#holding);
    this.#session = this.#request = this.#dialog = null;
    this.#up = this.#holds = false;
    this.#tell("peer", { connection: null });
    this.#tell("ended", end);
  }
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
