// phone.fake.js – a phone for tests: what stands around it notes what is asked of it.
import { Phone } from "./phone.js";

// Debian 12's Node.js has no CustomEvent.
globalThis.CustomEvent ??= class extends Event {
  constructor(type, { detail = null } = {}) {
    super(type);
    this.detail = detail;
  }
};

export const bob = { name: "Bob", number: "102", uri: "sip:102@x" };
export const carol = { name: "Carol", number: "103", uri: "sip:103@x" };

/** A microphone's stream whose one track remembers being stopped; copies are as good as the original. */
export function stream() {
  const track = Object.assign(new EventTarget(), { enabled: true, stopped: false, stop() { this.stopped = true; } });
  return { track, getTracks: () => [track], getAudioTracks: () => [track], clone: stream };
}

/** A phone whose line, microphone and sound note what is asked of them. tell speaks for the latest leg, or the one given. */
export function phone(t, open = async () => stream()) {
  const did = [];
  const legs = [];
  const leg = () => {
    const n = legs.length;
    const note = (name) => (...args) => { did.push([n ? `${n}:` : "", name, ...args].filter((a) => typeof a === "string" && a).join(" ")); };
    const one = Object.assign(new EventTarget(), {
      peerConnection: null, dialog: null, over: false, callId: "", cutOff: true,
      call(uri, stream, dialog) {
        note("call")(uri, dialog?.callId && `for ${dialog.callId}`);
        this.stream = stream;
      },
      answer(stream) {
        note("answer")();
        this.stream = stream;
      }, hangUp: note("hang up"), drop() {
        note("drop")();
        this.over = true;
      }, refuse: note("refuse"), key: note("key"), mute: note("mute"), pass: note("pass"),
      connect: (other) => note("connect")(String(legs.indexOf(other))), hold: (on) => note(on ? "hold" : "resume")(),
    });
    legs.push(one);
    return one;
  };
  const sounds = ["silence"];
  const sound = (name) => () => { if (sounds.at(-1) !== name) sounds.push(name); };
  const line = Object.assign(new EventTarget(), { connection: "ready", begin: leg, reconnect: () => did.push("reconnect") });
  const p = new Phone({
    line,
    devices: Object.assign(new EventTarget(), { open, route: async () => {} }),
    sound: { ring: sound("ring"), ringback: sound("ringback"), knock: sound("knock"), stop: sound("silence") },
    recent: { entries: [], add(e) { this.entries.unshift(e); }, taped(...args) { this.tape = args; } },
    audio: { play: async () => {}, srcObject: null },
    site: { domain: "x", pbx: true },
    tapes: { of: (dialog) => (dialog === "c0" ? { id: "one", begun: true } : null) },
    lamps: { has: ({ number }) => number === carol.number, known: (peer) => (peer.uri === "sip:dave@x" ? { ...peer, name: "Dave Lund", number: "dave" } : peer) },
    troubles: Object.assign(new EventTarget(), { of: () => "" }),
  });
  t.after(() => p.clear()); // or its timer would keep the test waiting
  const tell = (type, detail = {}, n = legs.length - 1) => {
    if (type === "accepted") legs[n].dialog = { callId: `c${n}`, local: "l", remote: "r" };
    legs[n].dispatchEvent(new CustomEvent(type, { detail }));
  };
  const incoming = (peer, callId = "") => line.dispatchEvent(new CustomEvent("incoming", { detail: { leg: Object.assign(leg(), { callId }), peer, callee: "Alice" } }));
  const connect = (state) => {
    line.connection = state;
    line.dispatchEvent(new Event("connection"));
  };
  const hears = (n = legs.length - 1) => legs[n].stream.track.enabled; // the other side hears us
  return { p, did, sounds, legs, tell, incoming, connect, hears };
}
