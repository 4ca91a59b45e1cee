// view-others.js – the calls that wait beside the one on stage, a row each.

import { grouped } from "./target.js";
import { element, find, icon } from "./view.js";

const icons = { incoming: "bell", talking: "hold", calling: "outgoing", ringing: "bell" };

/** What can be done with a waiting call in each state: a word, and whether it needs a call on stage that is up. */
const ways = {
  incoming: [["decline", "stop"], ["answer", "go"]],
  talking: [["connect", ""], ["swap", ""]],
  calling: [["hangUp", "stop"]],
  ringing: [["hangUp", "stop"]],
};

/** Shows the waiting calls and works their buttons. */
export class OthersView {
  #phone;
  #words;
  #rows = new Map(); // by talk
  #shown = "";

  /** @param {import("./phone.js").Phone} phone  @param {import("./words.js").Words} words */
  constructor(phone, words) {
    this.#phone = phone;
    this.#words = words;
    phone.addEventListener("change", () => this.show());
    find("others").addEventListener("click", (e) => this.#do(e.target.closest("[data-do]")));
    this.show();
  }

  #do(button) {
    const talk = [...this.#rows].find(([, row]) => row.contains(button))?.[0];
    if (!button || !talk) return;
    const phone = this.#phone;
    const does = { answer: () => phone.answer(talk), swap: () => phone.swap(talk), connect: () => phone.connect(talk) };
    (does[button.dataset.do] ?? (() => phone.hangUp(talk)))();
  }

  /** Shows the rows anew, when they differ. */
  show() {
    const { others, call } = this.#phone;
    const joins = call.state === "talking" && !call.facts.pass?.on;
    const looks = JSON.stringify([joins, call.facts.peer, others.map(({ state, facts }) => [state, facts.peer, facts.renewing, facts.pass])]);
    if (looks === this.#shown) return;
    this.#shown = looks;
    const knocks = others.find((t) => t.state === "incoming" && !this.#rows.has(t));
    this.#rows = new Map(others.map((talk) => [talk, this.#row(talk, joins)]));
    const list = find("others");
    list.replaceChildren(...this.#rows.values());
    list.hidden = others.length === 0;
    if (knocks) find("announcer").textContent = `${this.#words.say("state.incoming")} ${this.#who(knocks.facts.peer)}`;
  }

  #who(peer) { return this.#words.who(peer.name) || grouped(peer.number); }

  #row(talk, joins) {
    const { state, facts } = talk;
    const row = document.createElement("li");
    row.dataset.state = state;
    const disc = element("span", "", "disc");
    disc.append(icon(icons[state] ?? "call"));
    const who = element("span", "", "who");
    who.append(element("b", this.#who(facts.peer)));
    who.append(element("span", this.#words.say(this.#word(state, facts))));
    const buttons = element("span", "", "ways");
    for (const [does, kind] of ways[state] ?? []) {
      if (does === "connect" && (!joins || facts.pass?.on)) continue;
      const button = element("button", this.#words.say(`others.${does}`), `way ${kind}`.trim());
      button.type = "button";
      button.dataset.do = does;
      button.title = this.#words.say(`others.${does}.does`, { who: this.#who(facts.peer), to: this.#who(this.#phone.call.facts.peer) });
      button.setAttribute("aria-label", button.title);
      buttons.append(button);
    }
    row.append(disc, who, buttons);
    return row;
  }

  #word(state, facts) {
    if (facts.renewing || facts.resuming) return "state.resuming";
    return { talking: "state.hold", incoming: "others.incoming" }[state] ?? `state.${state}`;
  }
}
