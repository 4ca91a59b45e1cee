// outcome.js – how a call ended, as the key of a sentence in strings/ and a short line for "Details".

/**
 * What is known of a call's end.
 * @typedef {object} End
 * @property {"local"|"remote"|"system"} by  who ended it; system: browser or network
 * @property {string} cause  JsSIP's word for it, like "Busy"
 * @property {number} [code]  SIP status, when a response ended it
 * @property {string} [reason]  its reason phrase
 * @property {string} [text]  of its Warning header, or of the Reason header of a BYE or CANCEL
 * @property {number} [elsewhere]  status in the Reason header of a CANCEL (RFC 3326)
 */

/**
 * @typedef {object} Outcome
 * @property {string} key  of the sentence
 * @property {"plain"|"failed"|"missed"} kind  plain: as the caller or the callee wanted
 * @property {string} details  for who has to find the fault; may be empty
 * @property {"retry"|"callback"|""} offer  the next step to offer
 */

/** SIP status to sentence; those that depend on more are in refusal. */
const refusals = {
  400: "failed.call", 401: "failed.signedOut", 403: "failed.forbidden", 404: "failed.unknown", 407: "failed.signedOut",
  408: "failed.noAnswer", 410: "failed.unknown", 415: "failed.kind", 416: "failed.unknown", 430: "failed.unreachable",
  480: "failed.unreachable", 484: "failed.incomplete", 485: "failed.unknown", 486: "failed.busy", 488: "failed.kind",
  500: "failed.unreachable", 502: "failed.pbx", 503: "failed.pbx", 504: "failed.pbx", 600: "failed.busy",
  603: "failed.declined", 604: "failed.unknown", 606: "failed.kind", 607: "failed.declined", 608: "failed.declined",
};

function refusal(end, call, pbx) {
  const key = refusals[end.code] ?? "failed.call";
  if (end.code === 480 && call.rang) return "failed.noAnswer";
  if (end.code === 408 && !call.rang) return "failed.unreachable";
  if (end.code === 403 && /password/i.test(end.reason ?? "")) return "failed.pbxPassword";
  if (key === "failed.pbx" && !pbx) return "failed.unreachable";
  return key;
}

/** JsSIP's causes that come without a SIP response. */
const troubles = {
  "User Denied Media Access": "microphone.refused",
  "WebRTC Error": "failed.browser",
  "Bad Media Description": "failed.kind",
  "Incompatible SDP": "failed.kind",
  "Missing SDP": "failed.kind",
  "Connection Error": "failed.connection",
  "Request Timeout": "failed.connection",
  "No ACK": "failed.connection",
  "Dialog Error": "failed.connection",
  "Internal Error": "failed.browser",
};

function details(end) {
  const status = end.code ? `SIP ${end.code} ${end.reason ?? ""}`.trim() : "";
  return [status || end.cause, end.text].filter(Boolean).join(" · ");
}

/**
 * @param {End} end
 * @param {{state: string, direction: string, rang: boolean, pass?: import("./transfer.js").Pass}} call  as it was before the end
 * @param {{pbx?: boolean, heard?: boolean}} [site]  pbx: there is one; heard: media had been flowing
 * @returns {Outcome}
 */
export function outcome(end, call, site = {}) {
  const failed = (key, offer = "retry") => ({ key, kind: "failed", details: details(end), offer });
  const plain = (key) => ({ key, kind: "plain", details: "", offer: "" });

  if (end.cause === "RTP Timeout") return failed(site.heard ? "failed.soundLost" : "failed.sound");
  if (call.renewing && end.code === 481) return failed("failed.connection");
  if (call.resuming && (end.code === 481 || end.code === 603)) return { ...plain("ended.away"), details: details(end) };
  if (call.state === "incoming") {
    if (end.elsewhere === 200) return plain("ended.elsewhere");
    if (end.elsewhere >= 600) return plain("ended.declinedElsewhere");
    const unanswered = ["Canceled", "No Answer", "Expires"].includes(end.cause);
    if (unanswered && end.by !== "local" || end.cause === "No Answer") {
      return { key: "ended.missed", kind: "missed", details: "", offer: "callback" };
    }
    if (end.by === "local" && ["Rejected", "Canceled", "Terminated"].includes(end.cause)) return plain("ended.declined");
    return failed(troubles[end.cause] ?? "failed.call", "callback");
  }
  if (end.code >= 300 && !(end.by === "local" && end.cause === "Canceled")) return failed(refusal(end, call, site.pbx));
  if (end.cause === "Canceled") return plain("ended.local");
  if (end.cause === "Terminated") {
    if (call.pass?.done) return plain("ended.passed");
    if (call.pass?.on && end.by === "remote") return plain("ended.passing"); // its PBX waits for no answer
    if (end.by === "local") return plain("ended.local");
    return { ...plain("ended.remote"), details: end.text ?? "" };
  }
  return failed(troubles[end.cause] ?? "failed.call");
}

/**
 * Why the browser gives no microphone.
 * @param {string} name  of the exception that getUserMedia threw (Media Capture and Streams §10.2); "" when there is no getUserMedia
 * @param {boolean} secure  whether the page is a secure context
 * @returns {string} key of the sentence
 */
export function microphoneTrouble(name, secure) {
  if (!secure) return "microphone.insecure";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "microphone.refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "microphone.none";
    case "NotReadableError":
    case "AbortError":
      return "microphone.inUse";
    default:
      return "microphone.unsupported";
  }
}
