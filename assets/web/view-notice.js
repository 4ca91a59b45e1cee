// view-notice.js – the lamp of the connection, and strips for what stands in the way of calls.

import * as api from "./api.js";
import { find, setText, showIcon } from "./view.js";

const often = 5_000; // ms between two questions about the PBX while it is not ready
const seldom = 30_000; // ms otherwise
const lamps = { ready: "lamp-on", connecting: "lamp-wait", lost: "lamp-off" };

/** States of a PBX in which numbers can be called, or soon can. */
const fine = ["registered", "reachable", "registering"];

/** Shows connection, PBX, a silent ring, and a microphone that changed. */
export class NoticeView {
  #phone;
  #words;
  #session;
  #timer = 0;
  #forgetting = 0;

  /**
   * @param {import("./phone.js").Phone} phone
   * @param {import("./words.js").Words} words
   * @param {{user: string, pbx: boolean}} session
   */
  constructor(phone, words, session) {
    this.#phone = phone;
    this.#words = words;
    this.#session = session;
    phone.line.addEventListener("connection", () => {
      this.#showConnection();
      if (phone.line.connection === "ready") this.#ask();
    });
    phone.addEventListener("change", () => {
      this.#showConnection();
      if (phone.call.facts.outcome?.key.startsWith("failed.pbx")) this.#ask();
    });
    phone.addEventListener("microphone", ({ detail }) => this.#sayFor(words.say(detail), 10_000));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#ask());
    this.#showConnection();
    this.#watchRing();
  }

  #showConnection() {
    const { connection } = this.#phone.line;
    find("connection").dataset.connection = connection;
    setText(find("connection-text"), this.#words.say(`connection.${connection}`));
    showIcon(find("connection-lamp"), lamps[connection]);
    const cut = connection === "lost" && this.#phone.call.state === "talking";
    if (cut) this.#say(this.#words.say("notice.lostInCall"));
    else if (!this.#forgetting) this.#say("");
  }

  #say(text) {
    clearTimeout(this.#forgetting);
    this.#forgetting = 0;
    find("call-notice").hidden = !text;
    setText(find("call-notice-text"), text);
  }

  #sayFor(text, ms) {
    this.#say(text);
    this.#forgetting = setTimeout(() => {
      this.#forgetting = 0;
      this.#showConnection();
    }, ms);
  }

  /** Asks how the PBX does, and again after a while. */
  async #ask() {
    clearTimeout(this.#timer);
    if (!this.#session.pbx) return;
    let bad = null;
    if (document.visibilityState === "visible" && this.#phone.line.connection === "ready") {
      const { pbx = [] } = await api.status().catch(() => ({}));
      bad = pbx.find((p) => (!p.user || p.user === this.#session.user) && !fine.includes(p.state)) ?? null;
      this.#showPBX(bad);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), bad ? often : seldom);
  }

  #showPBX(pbx) {
    find("pbx-notice").hidden = !pbx;
    if (!pbx) return;
    const key = `pbx.${pbx.state}`;
    setText(find("pbx-text"), this.#words.say(this.#words.has(key) ? key : "pbx.other", { who: pbx.name }));
    const code = [pbx.uri, pbx.state, pbx.detail].filter(Boolean).join(" · ");
    setText(find("pbx-code"), code);
  }

  /** Says that the browser would not let the page ring, until the first touch. */
  async #watchRing() {
    const { sound } = this.#phone;
    const notice = find("sound-notice");
    const look = async () => {
      const may = await sound.mayPlay();
      notice.hidden = may;
      if (!may) return;
      document.removeEventListener("pointerup", look);
      document.removeEventListener("keydown", look);
    };
    document.addEventListener("pointerup", look);
    document.addEventListener("keydown", look);
    await look();
  }
}
