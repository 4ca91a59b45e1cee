// view.js – what all views share: finding elements, texts, icons. Texts from outside are set as text, never as markup.

const svg = "http://www.w3.org/2000/svg";

/** @returns {HTMLElement} the element with this id, which index.html has */
export const find = (id) => document.getElementById(id);

/** Fills in the texts that index.html names by key. */
export function applyWords(words) {
  document.documentElement.lang = words.language;
  for (const e of document.querySelectorAll("[data-text]")) e.textContent = words.say(e.dataset.text);
  for (const e of document.querySelectorAll("[data-label]")) {
    e.setAttribute("aria-label", words.say(e.dataset.label));
    if (e.localName === "button") e.title = words.say(e.dataset.label);
  }
}

/** Makes a <use> show another icon. */
export function showIcon(use, name) {
  const link = `#icon-${name}`;
  if (use.getAttribute("href") !== link) use.setAttribute("href", link);
}

/** @returns {SVGElement} a new icon */
export function icon(name) {
  const drawing = document.createElementNS(svg, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const use = drawing.appendChild(document.createElementNS(svg, "use"));
  use.setAttribute("href", `#icon-${name}`);
  return drawing;
}

/** A new element with a text in it. */
export function element(tag, text, className = "") {
  const e = document.createElement(tag);
  e.textContent = text;
  if (className) e.className = className;
  return e;
}

/** Sets a text only when it differs, so that screen readers hear no change twice. */
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/** Shows one of the page's views: loading, sign-in, choose-password or phone. */
export function showView(name) {
  document.body.dataset.view = name;
  find("loading").hidden = name !== "loading";
  for (const view of ["sign-in", "choose-password", "phone"]) find(`${view}-view`).hidden = view !== name;
}

/** Whether the device has a keyboard and pointer, so that focus in a field opens no screen keyboard. */
export const hasKeyboard = () => matchMedia("(hover: hover) and (pointer: fine)").matches;

/** Brings the call to the front where only one part of the page has room. */
export function showCall() {
  if (matchMedia("(width < 760px)").matches) document.body.dataset.tab = "call";
}
