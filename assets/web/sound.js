// sound.js – ring, ringback and level meter, made by Web Audio; no sound files.

/** A bell stroke every 3 s: two notes, a fourth apart, that die away. */
const ring = { period: 3, notes: [[0, 659.3], [0.16, 880], [0.5, 659.3], [0.66, 880]] };

/** The ringing tone of most of Europe (ITU-T E.180): 425 Hz, 1 s in 5 s. */
const ringback = { period: 5, frequency: 425, length: 1 };

/** The tone of a waiting call: 425 Hz, two short ones in 6 s. */
const knock = { period: 6, frequency: 425, length: 0.2, at: [0, 0.4] };

/** Plays through one audio element, so that a page can choose the loudspeaker in every browser that has setSinkId. */
export class Sound {
  #element;
  #route;
  #context = null;
  #out = null;
  #timer = 0;
  #playing = "";

  /**
   * @param {HTMLAudioElement} element  to play through
   * @param {(element: HTMLAudioElement, use: "ring"|"loudspeaker") => Promise<void>} route  to the chosen device
   */
  constructor(element, route) {
    this.#element = element;
    this.#route = route;
  }

  /**
   * Whether the browser lets the page ring. It does not before the first touch or key press; asking within one switches it on.
   */
  async mayPlay() {
    const context = this.#open();
    if (!context) return true; // nothing to wait for
    if (context.state !== "running") {
      await Promise.race([context.resume(), new Promise((r) => setTimeout(r, 500))]);
    }
    const may = context.state === "running";
    if (may && !this.#playing) await context.suspend();
    return may;
  }

  /** Rings until stop. */
  ring() {
    this.#start("ring", ring.period, (context, out) => {
      for (const [at, frequency] of ring.notes) note(context, out, context.currentTime + 0.05 + at, frequency, 0.9, 0.25);
    });
  }

  /** Rings once, to try it. */
  async tryRing() {
    if (this.#playing) return;
    this.ring();
    setTimeout(() => this.#playing === "ring" && this.stop("ring"), 2500);
  }

  /** Plays the tone that a caller hears while the other phone rings, until stop. */
  ringback() {
    this.#start("ringback", ringback.period, (context, out) => {
      const t = context.currentTime + 0.05;
      note(context, out, t, ringback.frequency, ringback.length, 0.06, true);
    });
  }

  /** Plays the tone that says another call waits (ITU-T E.180), until stop. */
  knock() {
    this.#start("knock", knock.period, (context, out) => {
      for (const at of knock.at) note(context, out, context.currentTime + 0.05 + at, knock.frequency, knock.length, 0.06, true);
    });
  }

  /** Falls silent. @param {string} [only]  stops just this */
  stop(only = this.#playing) {
    if (!this.#playing || only !== this.#playing) return;
    this.#playing = "";
    clearInterval(this.#timer);
    this.#element.pause();
    this.#element.srcObject = null;
    this.#out?.disconnect();
    this.#out = null;
    this.#context?.suspend();
  }

  #open() {
    if (!this.#context && window.AudioContext) this.#context = new AudioContext();
    return this.#context;
  }

  #start(use, period, strike) {
    if (this.#playing === use) return;
    this.stop();
    const context = this.#open();
    if (!context) return;
    this.#playing = use;
    context.resume();
    this.#out = context.createMediaStreamDestination();
    this.#element.srcObject = this.#out.stream;
    this.#route(this.#element, use === "ring" ? "ring" : "loudspeaker").then(() => this.#playing === use && this.#element.play()).catch(() => {}); // silent until the first touch
    strike(context, this.#out);
    this.#timer = setInterval(() => strike(context, this.#out), period * 1000);
  }
}

/** Plays one note: dying away like a bell, or steady. */
function note(context, out, at, frequency, length, loudness, steady = false) {
  const source = context.createOscillator();
  const gain = context.createGain();
  source.frequency.value = frequency;
  gain.gain.setValueAtTime(0.0001, at);
  gain.gain.exponentialRampToValueAtTime(loudness, at + 0.015);
  if (steady) gain.gain.setValueAtTime(loudness, at + length - 0.02);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + length);
  source.connect(gain).connect(out);
  source.start(at);
  source.stop(at + length + 0.05);
}

/**
 * Measures how loud a microphone hears.
 * @param {MediaStream} stream
 * @returns {{level: () => number, close: () => void}} level: 0 for silence (−60 dBFS or less) to 1 for full scale
 */
export function meter(stream) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    level() {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, s) => sum + s * s, 0) / samples.length;
      const decibels = 10 * Math.log10(power + 1e-9) + 3; // a full sine counts as 0 dBFS
      return Math.min(1, Math.max(0, 1 + decibels / 60));
    },
    close: () => void context.close(),
  };
}
