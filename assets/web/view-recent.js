// view-recent.js – the list of recent calls; pressing a row calls.

import { grouped } from "./target.js";
import { element, find, icon, showCall } from "./view.js";

const refresh = 30_000; // ms, for "2 min ago"

/** Shows recent calls, and lets every [data-call] on the page call. */
export class RecentView {
  #recent;
  #phone;
  #words;
  #player;

  /**
   * @param {import("./recent.js").Recent} recent
   * @param {import("./phone.js").Phone} phone
   * @param {import("./words.js").Words} words
   * @param {import("./view-tape.js").Player} player
   */
  constructor(recent, phone, words, player) {
    this.#recent = recent;
    this.#phone = phone;
    this.#words = words;
    this.#player = player;
    recent.addEventListener("change", () => this.show());
    phone.addEventListener("change", () => this.#allow());
    find("recent-clear").addEventListener("click", () => recent.clear());
    document.addEventListener("click", (e) => {
      const whom = e.target.closest("[data-call]")?.dataset.call;
      if (!whom || phone.call.live) return;
      showCall();
      phone.dial(whom);
    });
    setInterval(() => document.visibilityState === "visible" && this.show(), refresh);
    this.show();
  }

  /** Shows the list anew. */
  show() {
    const entries = this.#recent.entries;
    const list = find("recent-list");
    const focused = [...list.children].findIndex((row) => row.contains(document.activeElement));
    list.replaceChildren(...entries.map((e) => this.#row(e)));
    if (focused >= 0) list.children[Math.min(focused, entries.length - 1)]?.querySelector("button").focus();
    find("recent-empty").hidden = entries.length > 0;
    find("recent-clear").hidden = entries.length === 0;
    this.#allow();
  }

  #row(entry) {
    const kind = entry.missed ? "missed" : entry.direction;
    const button = document.createElement("button");
    button.dataset.call = entry.direction === "in" && !entry.number ? entry.uri : entry.number || entry.name || entry.uri;
    const disc = element("span", "", "disc");
    disc.append(icon({ missed: "missed", in: "incoming", out: "outgoing" }[kind]));
    const name = this.#words.who(entry.name) || grouped(entry.number);
    const who = element("span", "", "who");
    who.append(element("span", `${this.#words.say(`recent.${kind}`)} `, "heard"));
    const times = entry.times > 1 ? ` (${entry.times})` : "";
    who.append(element("b", name + times));
    const when = this.#words.when(entry.at, Date.now());
    who.append(element("span", entry.name && entry.number ? `${grouped(entry.number)} · ${when}` : when));
    button.append(disc, who);
    const row = document.createElement("li");
    row.className = kind;
    row.append(button);
    if (entry.recording) {
      row.classList.add("taped");
      row.append(this.#player.button(entry.recording, name));
    }
    return row;
  }

  /** A list can't call while a call is on. */
  #allow() {
    for (const button of document.querySelectorAll("[data-call], [data-tape]")) button.disabled = this.#phone.call.live;
  }
}
