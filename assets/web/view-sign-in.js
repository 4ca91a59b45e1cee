// view-sign-in.js – the two forms before the phone: sign in, and choose a password after a one-time one.

import * as api from "./api.js";
import { find, setText, showView } from "./view.js";

/** The sign-in forms; they end by calling signedIn. */
export class SignInView {
  #words;
  #signedIn;
  #tried = null; // user and one-time password, for the second form

  /** @param {import("./words.js").Words} words  @param {() => void} signedIn */
  constructor(words, signedIn) {
    this.#words = words;
    this.#signedIn = signedIn;
    find("sign-in").addEventListener("submit", (e) => this.#submit(e, find("sign-in-button"), () => this.#login()));
    find("choose-password").addEventListener("submit", (e) => this.#submit(e, find("choose-password-button"), () => this.#choose()));
    find("show-password").addEventListener("change", (e) => {
      find("new-password").type = e.target.checked ? "text" : "password";
    });
  }

  /** Shows the first form. @param {string} [why]  key of a string to say with it */
  show(why) {
    showView("sign-in");
    find("sign-in-host").textContent = this.#words.say("signIn.host", { host: location.hostname });
    setText(find("sign-in-message"), why ? this.#words.say(why) : "");
    (find("user").value ? find("password") : find("user")).focus();
  }

  async #submit(event, button, send) {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    await send();
    button.disabled = false;
  }

  async #login() {
    const user = find("user").value.trim();
    const password = find("password").value;
    const say = (text) => setText(find("sign-in-message"), text);
    say("");
    if (!user || !password) {
      (user ? find("password") : find("user")).focus();
      return;
    }
    try {
      await api.login(user, password);
      find("password").value = "";
      this.#signedIn();
    } catch (error) {
      if (error.code === "choose_password") {
        this.#tried = { user, password };
        find("password").value = "";
        this.#showChoose();
        return;
      }
      say(this.#why(error));
      find("password").select();
    }
  }

  #showChoose() {
    showView("choose-password");
    find("choose-user").value = this.#tried.user;
    setText(find("choose-password-message"), "");
    find("new-password").value = "";
    find("new-password").focus();
  }

  async #choose() {
    const chosen = find("new-password").value;
    const say = (text) => setText(find("choose-password-message"), text);
    say("");
    if ([...chosen].length < 8 || chosen === this.#tried.password) {
      say(this.#words.say("choose.weak"));
      find("new-password").focus();
      return;
    }
    try {
      await api.choosePassword(this.#tried.user, this.#tried.password, chosen);
      this.#tried = null;
      find("new-password").value = "";
      this.#signedIn();
    } catch (error) {
      if (error.status === 401) this.show("signIn.wrong"); // used meanwhile, or taken back
      else say(this.#why(error));
    }
  }

  /** What a refusal means, in words. */
  #why(error) {
    const words = this.#words;
    switch (error.code) {
      case "wrong_password": return words.say("signIn.wrong");
      case "too_many_tries": return words.say("signIn.tooMany", { n: words.span(error.retryAfter || 60) });
      case "weak_password": return words.say("choose.weak");
      case "password_in_config": return words.say("choose.inConfig");
      case "https_required": return words.say("microphone.insecure", { host: location.hostname });
    }
    return words.say(error.status === 0 || error.status >= 502 ? "signIn.unreachable" : "signIn.failed");
  }
}
