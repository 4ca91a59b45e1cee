// view-tape.js – the button that records a call, and the player of recordings in the list of recent calls.

import { find, icon, setText, showIcon } from "./view.js";
import { word } from "./tapes.js";

/** Shows whether the call on stage is recorded, and switches that. */
export class TapeView {
  #phone;
  #tapes;
  #words;
  #shown = "";

  /**
   * @param {import("./phone.js").Phone} phone
   * @param {import("./tapes.js").Tapes} tapes
   * @param {import("./words.js").Words} words
   */
  constructor(phone, tapes, words) {
    this.#phone = phone;
    this.#tapes = tapes;
    this.#words = words;
    for (const source of [phone, tapes]) source.addEventListener("change", () => this.show());
    find("record").addEventListener("click", () => this.#toggle());
    this.show();
  }

  get #tape() { return this.#phone.call.state === "talking" ? this.#tapes.of(this.#phone.dialog?.callId) : null; }

  async #toggle() {
    const button = find("record");
    const tape = this.#tape;
    if (!tape?.allowed || button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    await this.#tapes.set(tape, !tape.on);
    button.removeAttribute("aria-busy");
  }

  show() {
    const tape = this.#tape;
    const key = word(tape);
    const button = find("record");
    button.hidden = key === "";
    if (!key) {
      this.#shown = "";
      return;
    }
    button.dataset.record = key.slice("record.".length);
    button.disabled = !tape.allowed;
    button.setAttribute("aria-pressed", String(tape.on));
    const does = this.#words.say(tape.on ? "record.stop" : "record.start");
    button.title = tape.allowed ? does : "";
    button.setAttribute("aria-label", tape.allowed ? `${this.#words.say(key)}. ${does}` : this.#words.say(key));
    setText(find("record-word"), this.#words.say(key));
    showIcon(find("record-icon"), tape.on ? "record-on" : "record");
    if (this.#shown && key !== this.#shown) setText(find("announcer"), this.#words.say(key));
    this.#shown = key;
  }
}

/** Plays recordings, one at a time, by buttons that it makes. */
export class Player {
  #words;
  #audio = find("tape-audio");
  #id = "";
  #failed = "";

  /** @param {import("./phone.js").Phone} phone  @param {import("./words.js").Words} words */
  constructor(phone, words) {
    this.#words = words;
    phone.addEventListener("change", () => phone.live && this.#audio.pause());
    for (const type of ["play", "pause", "ended"]) this.#audio.addEventListener(type, () => this.#show());
    this.#audio.addEventListener("error", () => {
      this.#failed = this.#id;
      this.#show();
    });
  }

  /** @param {string} id  of a recording  @param {string} who  whom the call was with */
  button(id, who) {
    const button = document.createElement("button");
    button.className = "round way";
    button.dataset.tape = id;
    button.dataset.who = who;
    button.append(icon("resume"));
    button.addEventListener("click", () => this.#toggle(id));
    this.#dress(button);
    return button;
  }

  #toggle(id) {
    if (this.#id === id && !this.#audio.paused) {
      this.#audio.pause();
      return;
    }
    if (this.#id !== id || this.#failed === id) {
      this.#id = id;
      this.#failed = "";
      this.#audio.src = `/api/v1/recordings/${encodeURIComponent(id)}`;
    }
    this.#audio.play().catch(() => {}); // what went wrong comes as an error event
  }

  #show() {
    for (const button of document.querySelectorAll("[data-tape]")) this.#dress(button);
  }

  #dress(button) {
    const { tape, who } = button.dataset;
    const plays = tape === this.#id && !this.#audio.paused;
    const key = tape === this.#failed ? "tape.gone" : plays ? "tape.pause" : "tape.play";
    showIcon(button.querySelector("use"), tape === this.#failed ? "warning" : plays ? "hold" : "resume");
    button.setAttribute("aria-pressed", String(plays));
    button.setAttribute("aria-label", this.#words.say(key, { who }));
    button.title = this.#words.say(key, { who });
  }
}
