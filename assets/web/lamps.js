// lamps.js – what colleagues do just now, and how many messages wait, as the gateway tells them.

import { target } from "./target.js";

/**
 * @typedef {object} Lamp
 * @property {string} target  whom to call
 * @property {string} name  may be empty
 * @property {string} extension  may be empty
 * @property {"idle"|"ringing"|"busy"|"dnd"|"unreachable"|"unknown"} state
 * @property {string} [site]  of a neighbour's people: the neighbour's name
 * @property {boolean} [gone]  is no colleague any more
 */

/** What to dial to take a call that rings at an extension; "" where there is none. */
export const pickup = (extension) => extension && `*8${extension}`;

/** A "change" event tells that a lamp or the number of messages changed. */
export class Lamps extends EventTarget {
  #lamps = new Map();
  messages = 0; // new ones in the voice mailbox

  /** @param {EventTarget} events  the gateway's stream */
  constructor(events) {
    super();
    events.addEventListener("lamp", ({ data }) => {
      const lamp = JSON.parse(data);
      if (lamp.gone) this.#lamps.delete(lamp.target);
      else this.#lamps.set(lamp.target, lamp);
      this.dispatchEvent(new Event("change"));
    });
    events.addEventListener("voicemail", ({ data }) => {
      this.messages = JSON.parse(data).new;
      this.dispatchEvent(new Event("change"));
    });
  }

  /** Whether a peer is a colleague. @param {import("./call.js").Peer} peer  @param {string} domain  where names and numbers live */
  has(peer, domain) {
    return this.#find(peer, domain) !== undefined;
  }

  /** A peer by the name that is known of a colleague; others as they are. @param {import("./call.js").Peer} peer  @param {string} domain */
  known(peer, domain) {
    const lamp = this.#find(peer, domain);
    return lamp?.name ? { ...peer, name: lamp.name, number: peer.number || lamp.target } : peer;
  }

  #find({ uri }, domain) {
    return this.list.find((lamp) => [lamp.target, lamp.extension].some((user) => target(user, domain)?.uri === uri));
  }

  /** @returns {Lamp[]} by name */
  get list() {
    const by = ({ name, target }) => (name || target).toLowerCase();
    return [...this.#lamps.values()].sort((a, b) => by(a).localeCompare(by(b)));
  }
}
