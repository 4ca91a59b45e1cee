// recent.js – the calls of this user in this browser, newest first.

const most = 20;

/**
 * @typedef {object} Entry
 * @property {string} name
 * @property {string} number
 * @property {string} uri
 * @property {"in"|"out"} direction
 * @property {boolean} missed
 * @property {number} at  when it began, in ms since 1970
 * @property {number} [times]  how often in a row; absent: once
 * @property {string} [recording]  its ID; absent: the call was not recorded
 */

/** The list; a "change" event tells of each new entry. */
export class Recent extends EventTarget {
  #storage;
  #key;

  /** @param {Storage} storage  @param {string} user  whose list it is */
  constructor(storage, user) {
    super();
    this.#storage = storage;
    this.#key = `cordboard.recent.${user}`;
  }

  /** @returns {Entry[]} */
  get entries() {
    try {
      const list = JSON.parse(this.#storage.getItem(this.#key) ?? "[]");
      return Array.isArray(list) ? list.filter((e) => typeof e?.uri === "string" && Number.isFinite(e.at)) : [];
    } catch {
      return []; // storage is switched off or holds something else
    }
  }

  /** Adds a call; one like the newest is counted with it. @param {Entry} entry */
  add(entry) {
    const [newest, ...older] = this.entries;
    const alike = newest && !newest.recording && ["uri", "name", "direction", "missed"].every((k) => newest[k] === entry[k]);
    const list = alike ? [{ ...entry, times: (newest.times ?? 1) + 1 }, ...older] : [entry, ...this.entries];
    this.#write(list.slice(0, most));
  }

  /** Notes that the latest call with an address was recorded. */
  taped(uri, recording) {
    const entries = this.entries;
    const entry = entries.find((e) => e.uri === uri);
    if (!entry || entry.recording === recording) return;
    entry.recording = recording;
    this.#write(entries);
  }

  clear() {
    this.#write([]);
  }

  #write(list) {
    try {
      this.#storage.setItem(this.#key, JSON.stringify(list));
    } catch {
      // A browser that keeps nothing shows no list; calls work all the same.
    }
    this.dispatchEvent(new Event("change"));
  }
}
