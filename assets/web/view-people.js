// view-people.js – colleagues with their lamps, and the lamp of the voice mailbox.

import { pickup } from "./lamps.js";
import { initials } from "./target.js";
import { element, find, icon, setText } from "./view.js";

const icons = { idle: "lamp-on", ringing: "bell", busy: "lamp-busy", dnd: "lamp-dnd", unreachable: "lamp-off", unknown: "lamp-wait" };

/** Shows the lamps; pressing a row calls, and the button beside one that rings takes the call from there. */
export class PeopleView {
  #lamps;
  #words;
  #picks; // this user may pick up

  /**
   * @param {import("./lamps.js").Lamps} lamps
   * @param {import("./words.js").Words} words
   * @param {{extension: string}} session  who has no extension picks nothing up
   */
  constructor(lamps, words, { extension }) {
    this.#lamps = lamps;
    this.#words = words;
    this.#picks = extension !== "";
    lamps.addEventListener("change", () => this.show());
    this.show();
  }

  show() {
    const { list, messages } = this.#lamps;
    find("people").hidden = list.length === 0;
    const rows = find("people-list");
    const focused = [...rows.children].findIndex((row) => row.contains(document.activeElement));
    const disabled = rows.querySelector("button")?.disabled ?? false; // as the other lists' rows
    rows.replaceChildren(...list.map((lamp) => this.#row(lamp, disabled)));
    rows.children[focused]?.querySelector("button").focus();
    const lamp = find("voicemail");
    const words = this.#words.say(messages === 1 ? "voicemail.one" : "voicemail.some", { n: messages });
    lamp.hidden = messages === 0;
    lamp.dataset.new = messages; // all there is room for on a telephone
    lamp.title = words;
    setText(find("voicemail-text"), words);
  }

  #row({ target, name, extension, state, site }, disabled) {
    const button = document.createElement("button");
    button.dataset.call = target;
    button.disabled = disabled;
    const letters = initials({ name: name || target });
    const disc = element("span", letters, "disc");
    if (!letters) disc.append(icon("person"));
    const who = element("span", "", "who");
    who.append(element("b", name || target));
    const word = this.#words.say(`lamp.${state}`);
    who.append(element("span", [site ?? extension, word].filter(Boolean).join(" · ")));
    button.append(disc, who, icon(icons[state] ?? "lamp-wait"));
    const row = document.createElement("li");
    row.dataset.lamp = state;
    row.dataset.target = target;
    row.append(button);
    const code = state === "ringing" && this.#picks ? pickup(extension) : "";
    if (code) row.append(this.#pickup(code, name || target, disabled));
    return row;
  }

  #pickup(code, who, disabled) {
    const button = element("button", this.#words.say("people.pickUp"), "way go");
    button.dataset.call = code;
    button.disabled = disabled;
    button.title = this.#words.say("people.pickUp.does", { who });
    button.setAttribute("aria-label", button.title);
    return button;
  }
}
