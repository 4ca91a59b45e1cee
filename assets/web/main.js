// main.js – opens the page: who is signed in, then the phone and its views.

import * as api from "./api.js";
import { Devices } from "./devices.js";
import { Lamps } from "./lamps.js";
import { Phone } from "./phone.js";
import { Recent } from "./recent.js";
import { keep, kept } from "./resume.js";
import { Line } from "./sip.js";
import { Sound } from "./sound.js";
import { Tapes } from "./tapes.js";
import { Troubles } from "./trouble.js";
import { applyWords, find, hasKeyboard, setText, showView } from "./view.js";
import { CallView } from "./view-call.js";
import { NoticeView } from "./view-notice.js";
import { OthersView } from "./view-others.js";
import { PeopleView } from "./view-people.js";
import { RecentView } from "./view-recent.js";
import { SettingsView } from "./view-settings.js";
import { SignInView } from "./view-sign-in.js";
import { Player, TapeView } from "./view-tape.js";
import { languageFor, Words } from "./words.js";

const languageKey = "cordboard.language";
const endedKey = "cordboard.ended"; // in session storage: the sign-in ran out
const retry = 3_000; // ms until the next try while Cordboard does not answer

const storage = openStorage();
const chosenLanguage = storage.getItem(languageKey) ?? "";
const words = new Words(languageFor(chosenLanguage, navigator.languages));
let phone = null;

window.cordboard = {
  /** The RTCPeerConnection of the call, or null. */
  get peerConnection() { return phone?.peerConnection ?? null; },
};

applyWords(words);
if (!window.isSecureContext) {
  find("insecure-notice").hidden = false;
  setText(find("insecure-text"), words.say("microphone.insecure", { host: location.hostname }));
}
const signIn = new SignInView(words, open);
open();

/** Storage that a browser may refuse; then nothing is kept. */
function openStorage() {
  try {
    localStorage.getItem(languageKey);
    return localStorage;
  } catch {
    return { getItem: () => null, setItem: () => {}, removeItem: () => {} };
  }
}

/** Shows the phone when somebody is signed in, else the sign-in form. */
async function open() {
  try {
    openPhone(await api.session());
  } catch (error) {
    if (!(error instanceof api.APIError)) throw error;
    if (error.status === 401) {
      signIn.show(sessionStorage.getItem(endedKey) ? "signIn.again" : undefined);
      sessionStorage.removeItem(endedKey);
      return;
    }
    setText(find("loading-text"), words.say("signIn.unreachable"));
    showView("loading");
    setTimeout(open, retry);
  }
}

function openPhone(session) {
  const devices = new Devices(storage);
  const route = (element, use) => devices.route(element, use);
  const line = new Line();
  const events = new EventSource("/api/v1/events");
  const lamps = new Lamps(events);
  const tapes = new Tapes(events, api.record);
  phone = new Phone({
    line, devices, sound: new Sound(find("ring-audio"), route), recent: new Recent(storage, session.user),
    audio: find("remote-audio"), site: session, lamps, tapes, troubles: new Troubles(events),
  });
  setText(find("site"), session.name || words.say("title"));
  new CallView(phone, words);
  new OthersView(phone, words);
  new PeopleView(lamps, words, session);
  new TapeView(phone, tapes, words);
  new RecentView(phone.recent, phone, words, new Player(phone, words));
  new SettingsView(phone, words, { language: chosenLanguage, setLanguage, signOut }, session);
  new NoticeView(phone, words, session);
  workTabs();
  line.addEventListener("connection", () => line.connection === "lost" && !phone.live && stillSignedIn());
  line.addEventListener("refused", () => stillSignedIn());
  phone.addEventListener("change", () => phone.call.state === "ended" && line.connection === "lost" && stillSignedIn());
  line.addEventListener("connection", comeBack);
  window.addEventListener("online", () => phone.networkChanged());
  window.addEventListener("beforeunload", (e) => phone.live && !phone.rings && phone.resumable.length === 0 && e.preventDefault());
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", (e) => e.persisted && location.reload());

  showView("phone");
  if (hasKeyboard()) find("dial").focus();
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  line.start({ uri: session.sip.uri, url: `${scheme}//${location.host}${session.sip.ws}`, display: session.display || session.user });
}

/** Leaves calls that are up for the next page to take over, and those that ring to ring there; hangs up anything else. */
function leave() {
  const calls = phone.resumable;
  if (calls.length) keep(sessionStorage, calls, Date.now());
  else if (!phone.rings) phone.line.stop();
}

/** Goes on with the calls that the page before this one left. */
function comeBack() {
  if (phone.line.connection === "ready") phone.resume(kept(sessionStorage, Date.now()));
}

/** The line tells nothing of a sign-in that ran out, so ask. The page starts anew: nothing of one user stays for the next. */
async function stillSignedIn() {
  try {
    await api.session();
  } catch (error) {
    if (error.status !== 401) return;
    sessionStorage.setItem(endedKey, "yes");
    location.reload();
  }
}

async function signOut() {
  phone.line.stop();
  await api.logout().catch(() => {});
  location.reload();
}

/** Another language starts the page anew, so that every text is in it. */
function setLanguage(language) {
  if (language) storage.setItem(languageKey, language);
  else storage.removeItem(languageKey);
  location.reload();
}

/** The bottom bar when narrow, the settings' buttons when wide. */
function workTabs() {
  const show = (tab) => {
    document.body.dataset.tab = tab;
  };
  const mark = () => {
    const { tab } = document.body.dataset;
    for (const button of document.querySelectorAll(".tabs [data-tab]")) {
      if (button.dataset.tab === tab) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
    for (const id of ["settings-button", "sound-button"]) find(id).setAttribute("aria-expanded", String(tab === "settings"));
  };
  for (const button of document.querySelectorAll(".tabs [data-tab]")) button.addEventListener("click", () => show(button.dataset.tab));
  for (const id of ["settings-button", "sound-button"]) {
    find(id).addEventListener("click", () => show(document.body.dataset.tab === "settings" ? "call" : "settings"));
  }
  find("settings-close").addEventListener("click", () => {
    show("call");
    find("settings-button").focus();
  });
  new MutationObserver(mark).observe(document.body, { attributeFilter: ["data-tab"] });
  mark();
}
