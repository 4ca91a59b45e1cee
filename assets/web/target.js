// target.js – from what a person types to whom to call, and numbers for reading.

const spaces = /[\s().\/\u2010-\u2015-]/g; // people write numbers with these between the digits
const user = /[^A-Za-z0-9\-_.!~*'()&=+$,;?\/]/gu; // all else is escaped in a SIP URI's user (RFC 3261 §25.1)

/** The characters of a SIP user that need no escape, the rest as %XX. */
function escape(text) {
  return text.replace(user, (c) => [...new TextEncoder().encode(c)].map((b) => "%" + b.toString(16).toUpperCase().padStart(2, "0")).join(""));
}

/** Whether text is a number to dial, with or without spaces in it. */
export function isNumber(text) {
  return /^[+*#0-9][*#0-9]*$/.test(text.replace(spaces, ""));
}

/**
 * Whom to call: a number, a name, or a SIP address.
 * @param {string} typed
 * @param {string} domain  where names and numbers live
 * @returns {import("./call.js").Peer | null} null when nothing can be called by this
 */
export function target(typed, domain) {
  const text = typed.trim().replace(/^tel:/i, "").trim();
  if (/^sips?:/i.test(text) || /^[^\s@]+@[^\s@]+$/.test(text)) {
    const uri = /^sips?:/i.test(text) ? text : `sip:${text}`;
    const part = /^sips?:(?:([^@:;?\s]+)(?::[^@\s]*)?@)?([^@\s]+)$/i.exec(uri);
    if (!part) return null;
    if (!part[1]) return { uri, ...named(decode(part[2])) };
    return peerOf("", part[1], uri, elsewhere(part[2].split(/[:;?]/, 1)[0], domain));
  }
  if (isNumber(text)) {
    const number = text.replace(/^(\+[^(]*)\(0\)/, "$1").replace(spaces, ""); // "+49 (0)30": the 0 is for calls at home
    return { name: "", number, uri: `sip:${escape(number)}@${domain}` };
  }
  if (!/[\p{L}\p{N}]/u.test(text) || /[\p{Cc}<>"]/u.test(text)) return null;
  return { name: text, number: "", uri: `sip:${escape(text.toLowerCase())}@${domain}` };
}

/** The host of somebody who is not at home here, as a neighbour's people are; "" for all others. */
export function elsewhere(host, domain) {
  const foreign = host.toLowerCase() !== domain.toLowerCase() && !/\.invalid$/i.test(host);
  return foreign ? host.toLowerCase() : "";
}

/** Whom a SIP identity is, for showing and for calling again: of somebody elsewhere the whole address. */
export function peerOf(display, sipUser, uri, host = "") {
  const plain = decode(sipUser ?? "") + (host && `@${host}`);
  const name = (display ?? "").trim();
  if (name && name !== plain) return { name, number: plain, uri };
  return { uri, ...named(plain) };
}

function named(text) {
  return isNumber(text) ? { name: "", number: text } : { name: text, number: "" };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray % is shown as it came
  }
}

/** A number in groups of three or four digits; anything else as it is. */
export function grouped(text) {
  const found = /^(\+?)(\d{5,})$/.exec(text);
  if (!found) return text;
  return found[1] + found[2].replace(/\d{3}(?=\d{2})/g, "$& ");
}

/** One or two letters that stand for a peer in its round sign; "" for a bare number. */
export function initials(peer) {
  if (!peer.name) return "";
  const words = peer.name.split("@", 1)[0].split(/[\s._-]+/u).filter((w) => /^[\p{L}\p{N}]/u.test(w));
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  return picked.map((w) => [...w][0].toUpperCase()).join("");
}
