// view-settings.js – devices with a level meter, language, account. A column when wide, a tab when narrow.

import { close } from "./devices.js";
import { meter } from "./sound.js";
import { find, setText } from "./view.js";
import { names } from "./words.js";

const tick = 100; // ms between two looks at the level

/** @typedef {import("./devices.js").Use} Use */
const uses = /** @type {Use[]} */ (["microphone", "loudspeaker", "ring"]);

/** Shows the settings and keeps what is chosen. */
export class SettingsView {
  #phone;
  #words;
  #own = null; // a microphone opened only to test it
  #meter = null;
  #timer = 0;
  #level = 0;

  /**
   * @param {import("./phone.js").Phone} phone
   * @param {import("./words.js").Words} words
   * @param {object} does  what the page does when asked
   * @param {string} does.language  chosen; "" as the browser says
   * @param {(language: string) => void} does.setLanguage
   * @param {() => void} does.signOut
   * @param {{display: string, user: string, extension: string, version: string}} session
   */
  constructor(phone, words, does, session) {
    this.#phone = phone;
    this.#words = words;
    const { devices, sound } = phone;
    for (const use of uses) find(use).addEventListener("change", (e) => devices.choose(use, e.target.value));
    devices.addEventListener("change", () => this.#list());
    devices.addEventListener("chosen", ({ detail }) => detail === "microphone" && this.#own && this.#test());
    phone.addEventListener("stream", () => this.#follow());
    find("test-microphone").addEventListener("click", () => (this.#own ? this.#stopTest() : this.#test()));
    find("try-ring").addEventListener("click", () => sound.tryRing());
    find("sign-out").addEventListener("click", does.signOut);
    find("language").addEventListener("change", (e) => does.setLanguage(e.target.value));
    new MutationObserver(() => this.#opened()).observe(document.body, { attributeFilter: ["data-tab"] });
    find("language").replaceChildren(new Option(words.say("settings.language.system"), ""), ...Object.entries(names).map(([id, name]) => new Option(name, id)));
    find("language").value = does.language;
    find("account-name").textContent = session.display || session.user;
    find("account-number").textContent = session.extension ? words.say("settings.extension", { n: session.extension }) : "";
    find("version").textContent = words.say("settings.version", { n: session.version });
    const outputs = devices.choosesOutput;
    for (const id of ["loudspeaker", "ring"]) find(id).disabled = !outputs;
    find("no-output").hidden = outputs;
    this.#list();
    this.#follow();
  }

  async #list() {
    const { devices } = this.#phone;
    const { inputs, outputs } = await devices.list();
    for (const use of uses) {
      const options = (use === "microphone" ? inputs : outputs).map((d, i) => new Option(d.label || this.#words.say("settings.device", { n: i + 1 }), d.deviceId));
      find(use).replaceChildren(new Option(this.#words.say("settings.default"), ""), ...options);
      find(use).value = devices.chosen(use);
      if (find(use).selectedIndex < 0) find(use).value = ""; // the chosen one is not plugged in
    }
  }

  #opened() {
    const open = document.body.dataset.tab === "settings";
    if (open) this.#list();
    else this.#stopTest();
    this.#follow();
  }

  async #test() {
    setText(find("microphone-message"), "");
    try {
      const stream = await this.#phone.devices.open();
      close(this.#own);
      this.#own = stream;
    } catch (error) {
      setText(find("microphone-message"), this.#words.say(error.key ?? "microphone.unsupported", { host: location.hostname }));
    }
    this.#follow();
  }

  #stopTest() {
    close(this.#own);
    this.#own = null;
    this.#follow();
  }

  /** Measures the microphone of the call, or else the one under test, while the settings are open. */
  #follow() {
    const inCall = this.#phone.stream;
    if (inCall && this.#own) {
      close(this.#own);
      this.#own = null;
    }
    clearInterval(this.#timer);
    this.#meter?.close();
    this.#meter = null;
    this.#showLevel(0);
    setText(find("test-microphone"), this.#words.say(this.#own ? "settings.testStop" : "settings.test"));
    find("test-microphone").hidden = Boolean(inCall);
    const stream = inCall ?? this.#own;
    find("level-hint").hidden = !stream;
    if (!stream || document.body.dataset.tab !== "settings") return;
    this.#meter = meter(stream);
    this.#timer = setInterval(() => this.#showLevel(this.#meter.level()), tick);
  }

  /** Shows a level; a lower one sinks slowly, so that words can be seen. */
  #showLevel(now) {
    const level = Math.max(now, now === 0 && !this.#meter ? 0 : this.#level - 0.06);
    this.#level = level;
    find("level").setAttribute("aria-valuenow", String(Math.round(level * 100)));
    find("level-bar").style.setProperty("transform", `scaleX(${level.toFixed(2)})`);
  }
}
