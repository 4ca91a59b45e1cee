// words.js – the strings of the language in use, and times as people say them.

import de from "./strings/de.js";
import en from "./strings/en.js";

const languages = { en, de };
const notPaired = ", not paired"; // what the gateway puts behind the name of such a machine

/** The languages by their own names, for choosing. */
export const names = { en: "English", de: "Deutsch" };

/** The strings of one language. */
export class Words {
  /** @param {string} language  a key of names */
  constructor(language) {
    this.language = language in languages ? language : "en";
    this.#strings = languages[this.language];
  }

  #strings;

  /**
   * The string of key with {name}s filled in. An unknown key is a fault of the program.
   * @param {string} key
   * @param {Record<string, string|number>} [values]
   */
  say(key, values = {}) {
    const text = this.#strings[key];
    if (text === undefined) throw new RangeError(`no string ${key}`);
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  }

  has(key) { return key in this.#strings; }

  /** A caller's name, which says in English when its machine is not paired with this Cordboard. @param {string} name  may be empty */
  who(name) { return name.endsWith(notPaired) ? this.say("name.notPaired", { name: name.slice(0, -notPaired.length) }) : name; }

  /** When something was, seen from now; both in ms since 1970. */
  when(at, now) {
    const then = new Date(at);
    const minutes = Math.floor((now - at) / 60_000);
    const time = then.toLocaleTimeString(this.language, { hour: "2-digit", minute: "2-digit", hour12: false });
    const today = new Date(now).setHours(0, 0, 0, 0);
    if (minutes < 1) return this.say("time.now");
    if (minutes < 60) return this.say("time.minutes", { n: minutes });
    if (at >= today) return time;
    if (at >= new Date(today).setDate(new Date(today).getDate() - 1)) return this.say("time.yesterday", { time });
    return `${then.toLocaleDateString(this.language, { day: "numeric", month: "short" })} ${time}`;
  }

  /** A span to wait, in s. */
  span(seconds) {
    return seconds > 90 ? this.say("span.minutes", { n: Math.ceil(seconds / 60) }) : this.say("span.seconds", { n: Math.ceil(seconds) });
  }
}

/**
 * The language to use.
 * @param {string|null} chosen  by the user; null or unknown: none
 * @param {readonly string[]} wished  as in navigator.languages
 */
export function languageFor(chosen, wished) {
  return [chosen, ...wished].map((l) => l?.split("-")[0].toLowerCase()).find((l) => l in languages) ?? "en";
}

/** A call's length so far, in ms, as "1:05" or "1:02:05". */
export function clock(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  const m = Math.floor(s / 60) % 60;
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}
