// view-call.js – the call: it shows the state and passes on what is pressed, by touch or keyboard.

import { grouped, initials } from "./target.js";
import { clock } from "./words.js";
import { find, hasKeyboard, setText, showCall, showIcon } from "./view.js";

/** The lamp beside the word, for each state. */
const lamps = { idle: "lamp-on", calling: "outgoing", ringing: "bell", incoming: "bell", talking: "lamp-busy", ended: "lamp-off" };

/** Shows the phone's call and works its buttons. */
export class CallView {
  #phone;
  #words;
  #quality = "";
  #trouble = ""; // said last
  #asks = false; // the field asks whom to pass the call on to
  #shown = null; // the call that was on stage when last looked

  /** @param {import("./phone.js").Phone} phone  @param {import("./words.js").Words} words */
  constructor(phone, words) {
    this.#phone = phone;
    this.#words = words;
    phone.addEventListener("change", () => this.show());
    phone.addEventListener("quality", ({ detail }) => {
      this.#quality = detail;
      this.#showLine();
    });
    phone.addEventListener("trouble", () => this.#showTrouble());
    setInterval(() => this.#showLine(), 500);
    this.#listen();
    this.show();
  }

  #listen() {
    const phone = this.#phone;
    const dial = find("dial");
    find("dial-form").addEventListener("submit", (e) => {
      e.preventDefault();
      if (this.#asks) this.#pass();
      else this.#dial(dial.value);
    });
    dial.addEventListener("input", () => {
      phone.clear(); // typing begins the next call
      this.#showField();
    });
    find("erase").addEventListener("click", () => this.#type(dial.value.slice(0, -1)));
    find("keypad").addEventListener("click", (e) => {
      const digit = e.target.closest("[data-digit]")?.dataset.digit;
      if (!digit) return;
      if (phone.call.live && !this.#asks) phone.key(digit);
      else this.#type(dial.value + digit);
    });
    find("answer").addEventListener("click", () => phone.answer());
    find("decline").addEventListener("click", () => phone.hangUp());
    // The second click of a double click on "Call" or "Answer" hits what stands there next.
    find("hang-up").addEventListener("click", (e) => e.detail < 2 && phone.hangUp());
    find("mute").addEventListener("click", () => phone.toggleMute());
    find("hold").addEventListener("click", () => phone.toggleHold());
    find("transfer").addEventListener("click", () => (this.#asks ? this.#pass() : this.#ask(true)));
    find("transfer-cancel").addEventListener("click", () => this.#ask(false));
    find("ask-first").addEventListener("click", () => this.#askFirst());
    document.addEventListener("keydown", (e) => this.#key(e));
  }

  /** Calls, from any of the page's lists or fields. */
  #dial(typed) {
    this.#phone.dial(typed);
    if (this.#phone.call.state === "ended" && !typed.trim()) find("dial").focus();
  }

  /** Asks whom to pass the call on to, in the field's place, or no more. */
  #ask(on) {
    this.#asks = on;
    find("dial").value = "";
    this.#phone.clearPass();
    this.show();
    if (hasKeyboard()) find(on ? "dial" : "transfer").focus();
  }

  #pass() {
    if (this.#phone.pass(find("dial").value)) this.#ask(false);
    else find("dial").focus();
  }

  /** Calls whom the call shall be passed on to, while it waits. */
  #askFirst() {
    const typed = find("dial").value;
    if (typed.trim()) {
      this.#ask(false);
      this.#phone.dial(typed);
    } else find("dial").focus();
  }

  #type(text) {
    this.#phone.clear();
    find("dial").value = text;
    this.#showField();
  }

  /** The whole keyboard is the phone's, but for fields and lists that are being worked. */
  #key(e) {
    const phone = this.#phone;
    const dial = find("dial");
    if (find("phone-view").hidden || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.defaultPrevented) return;
    const field = e.target.closest?.("input, select, textarea");
    if (field && field !== dial) return;
    const { live, state } = phone.call;
    if (e.key === "Escape") {
      if (this.#asks) this.#ask(false);
      else if (live) phone.hangUp();
      else this.#type("");
      return;
    }
    if (!live || this.#asks) {
      const types = e.key.length === 1 && e.key !== " " && !field;
      if (types) dial.focus(); // the key then goes there
      else if (e.key === "Enter" && !field && !e.target.closest?.("button, a, summary") && !e.repeat) find("dial-form").requestSubmit();
      return;
    }
    if (e.repeat) return;
    if (e.key === "Enter" && state === "incoming" && !e.target.closest?.("button, a, summary")) phone.answer();
    else if (e.key.toLowerCase() === "m") phone.toggleMute();
    else if (e.key.toLowerCase() === "h") phone.toggleHold();
    else if (e.key.toLowerCase() === "t" && !find("transfer").disabled) {
      e.preventDefault(); // or the field that opens gets the letter
      this.#ask(true);
    } else if (/^[0-9*#]$/.test(e.key)) {
      phone.key(e.key);
      this.#flash(e.key);
    }
  }

  /** Lets a key of the keypad look pressed, in step with the keyboard. */
  #flash(digit) {
    const key = [...find("keypad").children].find((b) => b.dataset.digit === digit);
    key?.classList.add("pressed");
    setTimeout(() => key?.classList.remove("pressed"), 150);
  }

  /** Shows everything anew. */
  show() {
    const { call } = this.#phone;
    const { state, facts } = call;
    const kind = state === "ended" ? facts.outcome.kind : "";
    const root = find("call");
    if (state !== "talking" || call !== this.#shown) this.#asks = false;
    const changed = root.dataset.state !== state || call !== this.#shown;
    this.#shown = call;
    const held = (root.dataset.hold ?? "") !== call.hold;
    root.dataset.state = state;
    root.dataset.hold = call.hold;
    root.dataset.outcome = kind;
    document.body.toggleAttribute("data-live", call.live);
    if (state !== "talking" && !call.live) this.#quality = "";

    const word = this.#words.say(`state.${this.#stateWord(state, facts, kind)}`);
    setText(find("call-word"), word);
    showIcon(find("call-lamp"), kind === "missed" ? "missed" : kind === "failed" ? "warning" : call.hold ? "hold" : lamps[state]);
    this.#showPeer(state, facts);
    this.#showNote(state, facts);
    this.#showField();
    this.#showActions(state, facts, kind);
    this.#showLine();
    if (changed) this.#changed(state, word, facts);
    else if (held) setText(find("announcer"), call.hold ? this.#sentence(`quality.hold.${call.hold}`, facts.peer) : word);
  }

  #stateWord(state, facts, kind) {
    if (state === "ended" && ["ended.passed", "ended.passing"].includes(facts.outcome.key)) return "passed";
    if (state === "ended" && kind !== "plain") return kind;
    if (state === "calling" && facts.resuming || facts.renewing && state === "talking") return "resuming";
    if (state === "ringing" && !facts.rang) return "early";
    if (state === "incoming" && facts.answering) return "answering";
    if (this.#phone.call.hold) return "hold";
    return state;
  }

  #who(peer) { return this.#words.who(peer.name) || grouped(peer.number); }

  #showPeer(state, { peer, direction, callee }) {
    const idle = state === "idle";
    setText(find("call-peer"), idle ? this.#words.say("idle.heading") : this.#who(peer));
    find("call-peer").title = idle ? "" : this.#who(peer);
    const parts = [];
    if (!idle && peer.name && peer.number) parts.push(grouped(peer.number));
    if (!idle && direction === "in" && callee) parts.push(this.#words.say("incoming.for", { who: callee }));
    setText(find("call-sub"), parts.join(" · "));
    const letters = idle ? "" : initials(peer);
    setText(find("call-initials"), letters);
    find("call-face").parentElement.toggleAttribute("hidden", letters !== "");
    showIcon(find("call-face"), idle ? "cord" : "person");
  }

  #showNote(state, facts) {
    const { call } = this.#phone;
    let message = "";
    if (state === "idle") message = this.#words.say("idle.hint");
    if (state === "incoming") {
      if (facts.trouble) message = this.#sentence(facts.trouble, facts.peer);
      else if (hasKeyboard()) message = this.#words.say("incoming.keys");
    }
    if (call.live && facts.from) message = this.#sentence("pass.by", facts.from, facts.peer);
    if (call.live && facts.said) message = this.#sentence(facts.said.key, facts.said.peer, facts.said.to);
    if (state === "talking" && facts.pass) message = this.#sentence(facts.pass.key, facts.peer, facts.pass.to);
    if (state === "ended") message = this.#sentence(facts.outcome.key, facts.peer, facts.pass?.to);
    setText(find("call-message"), message);
    find("call-message").className = state === "idle" || (state === "incoming" && !facts.trouble) ? "under" : state === "talking" && facts.pass && !facts.pass.on ? "warn" : "";
    const details = state === "ended" ? facts.outcome.details : "";
    find("call-details").hidden = !details;
    if (!details) find("call-details").open = false;
    setText(find("call-code"), details);
    find("try-echo").hidden = state !== "idle";
  }

  #sentence(key, peer, to) {
    return this.#words.say(key, { who: this.#who(peer), to: to ? this.#who(to) : "", host: location.hostname });
  }

  /** Timer and quality; the only things that change within a state. */
  #showLine() {
    const { state, facts } = this.#phone.call;
    const talking = state === "talking";
    find("call-line").hidden = !talking;
    const time = talking ? clock(Date.now() - facts.since) : "";
    setText(find("call-timer"), time);
    setText(find("tab-call"), time || this.#words.say(state === "incoming" ? "state.ringing" : "call.heading"));
    showIcon(find("tab-lamp"), state === "incoming" ? "bell" : "call");
    const { hold } = this.#phone.call;
    const quality = hold ? `hold.${hold}` : facts.muted ? "muted" : this.#phone.trouble || this.#quality || "connecting";
    find("call-quality").dataset.quality = talking ? quality : "";
    setText(find("call-quality"), talking ? this.#words.say(`quality.${quality}`, { who: this.#who(facts.peer) }) : "");
  }

  /** The gateway has found that something is wrong, or over: whoever can't see the line hears it. */
  #showTrouble() {
    this.#showLine();
    const { trouble, call } = this.#phone;
    if (trouble && trouble !== this.#trouble && call.state === "talking" && !call.hold && !call.facts.muted) {
      setText(find("announcer"), this.#sentence(`quality.${trouble}`, call.facts.peer));
    }
    this.#trouble = trouble;
  }

  #showField() {
    const { call } = this.#phone;
    const { keys } = call.facts;
    const dial = find("dial");
    const sends = call.live && !this.#asks; // keys go to the other side
    dial.hidden = sends;
    find("keys-sent").hidden = !sends;
    find("transfer-cancel").hidden = !this.#asks;
    find("ask-first").hidden = !this.#asks;
    const listens = call.takesKeys;
    const label = find("dial-label");
    if (this.#asks) setText(label, this.#words.say("pass.label", { who: this.#who(call.facts.peer) }));
    else setText(label, this.#words.say(!call.live ? "dial.label" : keys ? "keys.label" : "keys.before"));
    find("dial-form").classList.toggle("off", call.live && !listens);
    setText(find("keys-sent"), keys || (listens ? this.#words.say("keys.none") : ""));
    find("keys-sent").classList.toggle("empty", keys === "");
    find("erase").hidden = sends || dial.value === "";
    for (const key of find("keypad").children) key.disabled = call.live && !listens;
  }

  #showActions(state, facts, kind) {
    const { live } = this.#phone.call;
    const incoming = state === "incoming";
    find("decline").hidden = !incoming;
    find("answer").hidden = !incoming;
    find("answer").disabled = facts.answering;
    find("hang-up").hidden = !live || incoming;
    find("call-button").hidden = live;
    find("mute").hidden = incoming;
    find("sound-button").hidden = incoming; // nothing beside the two that matter
    find("mute").disabled = !live;
    find("mute").setAttribute("aria-pressed", String(live && facts.muted));
    setText(find("mute-word"), this.#words.say(live && facts.muted ? "button.unmute" : "button.mute"));
    showIcon(find("mute-icon"), live && facts.muted ? "mic-off" : "mic");
    find("transfer").hidden = incoming;
    find("transfer").disabled = state !== "talking" || Boolean(facts.pass?.on) || facts.renewing;
    find("transfer").setAttribute("aria-expanded", String(this.#asks));
    setText(find("transfer-word"), this.#words.say(this.#asks ? "button.pass" : "button.transfer"));
    const holds = state === "talking" && facts.held;
    find("hold").hidden = incoming;
    find("hold").disabled = state !== "talking";
    find("hold").setAttribute("aria-pressed", String(holds));
    setText(find("hold-word"), this.#words.say(holds ? "button.resume" : "button.hold"));
    showIcon(find("hold-icon"), holds ? "resume" : "hold");
    const offer = kind ? facts.outcome.offer : "";
    setText(find("call-button-word"), this.#words.say(offer === "retry" ? "button.callAgain" : offer === "callback" ? "button.callBack" : "button.call"));
  }

  /** What happens once with each new state: the field's content, the title, what screen readers hear, the focus. */
  #changed(state, word, facts) {
    const dial = find("dial");
    const who = this.#who(facts.peer);
    if (state === "ended") {
      const again = facts.outcome.offer !== "";
      dial.value = again ? facts.peer.number || (facts.peer.uri.startsWith("sip:") && facts.direction === "in" ? facts.peer.uri : facts.peer.name) : "";
      this.#showField();
    }
    if (state === "incoming") showCall();
    document.title = this.#title(state, who);
    setText(find("announcer"), state === "idle" ? "" : `${word} ${who}. ${state === "ended" ? this.#sentence(facts.outcome.key, facts.peer, facts.pass?.to) : ""}`.trim());
    const lost = document.activeElement === document.body || document.activeElement?.closest("[hidden]");
    if ((state === "idle" || state === "ended") && lost && hasKeyboard()) dial.focus();
  }

  #title(state, who) {
    if (state === "incoming") return this.#words.say("title.incoming", { who });
    return this.#phone.call.live ? this.#words.say("title.call", { who }) : this.#words.say("title");
  }
}
