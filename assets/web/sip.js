// sip.js – the line to the gateway: one JsSIP user agent, which registers, comes back by itself, and makes and takes calls.

import JsSIP from "jssip";
import { Leg } from "./leg.js";
import { elsewhere, peerOf } from "./target.js";

const retryRegister = 5_000; // ms between tries after a refusal

/**
 * Events, each a CustomEvent: "connection"; "refused" {code} when the gateway does not take our registration;
 * "incoming" {leg: Leg, peer, callee}.
 */
export class Line extends EventTarget {
  #ua = null;
  #retry = 0;
  #connection = "connecting";

  /** @returns {"connecting"|"ready"|"lost"} */
  get connection() { return this.#connection; }

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
      connection_recovery_max_interval: 2, // a call waits on the other side
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

  /** Connects anew at once: a change of networks may have cut the connection without a word. */
  reconnect() {
    this.#ua?.transport.disconnect();
    this.#ua?.transport.connect();
  }

  /** A leg for a call of ours, yet to be made. */
  begin() { return new Leg(this.#ua); }

  #connect(state) {
    if (state === this.#connection) return;
    this.#connection = state;
    this.#tell("connection");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #ring(session, request) {
    const { display_name, uri } = session.remote_identity;
    const { to } = request;
    const peer = peerOf(display_name, uri.user, uri.toString(), elsewhere(uri.host, to.uri.host));
    this.#tell("incoming", { leg: new Leg(this.#ua, { session, request }), peer, callee: to.display_name || to.uri.user });
  }
}
