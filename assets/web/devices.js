// devices.js – microphones and loudspeakers: which there are, which one is chosen, and opening it.

import { microphoneTrouble } from "./outcome.js";

/** Why there is no microphone; key is that of a sentence in strings/. */
export class MicrophoneError extends Error {
  constructor(key, cause) {
    super(cause?.message ?? key, { cause });
    this.key = key;
    this.details = cause ? `${cause.name}: ${cause.message}` : "";
  }
}

/** @typedef {"microphone"|"loudspeaker"|"ring"} Use  what a device is chosen for */

/** The devices; a "change" event tells that one came, went, got a name or was chosen. */
export class Devices extends EventTarget {
  #storage;
  #media = navigator.mediaDevices;

  /** @param {Storage} storage  where choices are kept */
  constructor(storage) {
    super();
    this.#storage = storage;
    this.#media?.addEventListener("devicechange", () => this.dispatchEvent(new Event("change")));
  }

  /** Whether the browser lets a page choose where it plays. */
  get choosesOutput() { return "setSinkId" in HTMLMediaElement.prototype; }

  /** @param {Use} use  @returns {string} the device's id; "": the system's choice */
  chosen(use) {
    try {
      return this.#storage.getItem(`cordboard.device.${use}`) ?? "";
    } catch {
      return "";
    }
  }

  /** @param {Use} use  @param {string} id */
  choose(use, id) {
    try {
      this.#storage.setItem(`cordboard.device.${use}`, id);
    } catch {
      // Not kept, so the system's choice stays.
    }
    this.dispatchEvent(new CustomEvent("chosen", { detail: use }));
  }

  /** @returns {Promise<{inputs: MediaDeviceInfo[], outputs: MediaDeviceInfo[]}>} labels are empty before the first permission */
  async list() {
    const all = (await this.#media?.enumerateDevices?.().catch(() => [])) ?? [];
    const real = all.filter((d) => d.deviceId && d.deviceId !== "default" && d.deviceId !== "communications");
    return { inputs: real.filter((d) => d.kind === "audioinput"), outputs: real.filter((d) => d.kind === "audiooutput") };
  }

  /**
   * Opens the chosen microphone, or another one when that is not there.
   * @returns {Promise<MediaStream>}
   * @throws {MicrophoneError}
   */
  async open() {
    if (!this.#media?.getUserMedia) throw new MicrophoneError(microphoneTrouble("", window.isSecureContext));
    const id = this.chosen("microphone");
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    if (id) audio.deviceId = { ideal: id };
    try {
      const stream = await this.#media.getUserMedia({ audio });
      this.dispatchEvent(new Event("change")); // now the devices have names
      return stream;
    } catch (error) {
      throw new MicrophoneError(microphoneTrouble(error.name, window.isSecureContext), error);
    }
  }

  /** Plays element on the device chosen for use; on the system's when that is not there. */
  async route(element, use) {
    if (!this.choosesOutput) return;
    await element.setSinkId(this.chosen(use)).catch(() => element.setSinkId("").catch(() => {}));
  }
}

/** Lets go of a microphone. */
export function close(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
