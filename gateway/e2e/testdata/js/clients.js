// Two SIP clients as their makers publish them, behind one small interface:
// client(kind, options) with register, call, answer and hangUp. What happens is
// in window.log, the state of the last call in window.state, its connection in
// window.pc.
import JsSIP from "jssip";
import { Inviter, Registerer, RegistererState, SessionState, UserAgent } from "sip.js";

window.log = [];
window.state = "idle";
window.pc = null;

const note = (line) => { window.log.push(line); console.log(line); };
const enter = (state) => { window.state = state; note(`call ${state}`); };

function hear(pc) {
  if (!pc || window.pc === pc) return;
  window.pc = pc;
  const ear = document.querySelector("#ear");
  const play = (track) => { ear.srcObject = new MediaStream([track]); };
  pc.addEventListener("track", (e) => play(e.track));
  for (const receiver of pc.getReceivers()) play(receiver.track);
}

const media = { audio: true, video: false };

function sipjs({ ws, user, domain, password }) {
  let session = null;
  const take = (s) => {
    session = s;
    s.stateChange.addListener((state) => {
      if (state === SessionState.Established) { hear(s.sessionDescriptionHandler.peerConnection); enter("talking"); }
      if (state === SessionState.Terminated) enter("ended");
    });
  };
  const agent = new UserAgent({
    uri: UserAgent.makeURI(`sip:${user}@${domain}`),
    transportOptions: { server: ws },
    authorizationUsername: user,
    authorizationPassword: password,
    logLevel: "warn",
    sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] }, iceGatheringTimeout: 1000 },
    delegate: {
      onInvite: (invitation) => { take(invitation); enter("incoming"); },
      onDisconnect: (error) => {
        note(`disconnected ${error ?? ""}`);
        if (error) again(); // as SIP.js leaves it to its user
      },
    },
  });
  const registerer = new Registerer(agent);
  const again = () => setTimeout(() => agent.reconnect().then(() => registerer.register()).catch(again), 1000);
  return {
    register: async () => {
      await agent.start();
      await new Promise((resolve, reject) => {
        registerer.stateChange.addListener((s) => { if (s === RegistererState.Registered) resolve(); });
        registerer.register({ requestDelegate: { onReject: (r) => reject(new Error(`${r.message.statusCode} ${r.message.reasonPhrase}`)) } }).catch(reject);
      });
    },
    call: async (target) => {
      const inviter = new Inviter(agent, UserAgent.makeURI(`sip:${target}@${domain}`), { sessionDescriptionHandlerOptions: { constraints: media } });
      take(inviter);
      enter("calling");
      await inviter.invite({ requestDelegate: { onReject: (r) => note(`rejected ${r.message.statusCode}`) } });
    },
    answer: () => session.accept({ sessionDescriptionHandlerOptions: { constraints: media } }),
    hangUp: () => (session.state === SessionState.Established ? session.bye() : session.cancel()),
    stop: () => agent.stop(),
  };
}

function jssip({ ws, user, domain, password }) {
  let session = null;
  const agent = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(ws)],
    uri: `sip:${user}@${domain}`,
    authorization_user: user,
    password,
    register: true,
  });
  agent.on("disconnected", (e) => note(`disconnected ${e.code ?? ""}`));
  agent.on("newRTCSession", ({ session: s, originator }) => {
    session = s;
    if (originator === "remote") {
      s.on("peerconnection", (e) => hear(e.peerconnection));
      enter("incoming");
    }
    s.on("confirmed", () => enter("talking"));
    s.on("ended", () => enter("ended"));
    s.on("failed", (e) => { note(`rejected ${e.message?.status_code ?? e.cause}`); enter("ended"); });
  });
  return {
    register: () => new Promise((resolve, reject) => {
      agent.on("registered", () => resolve());
      agent.on("registrationFailed", (e) => reject(new Error(`${e.response?.status_code ?? ""} ${e.cause}`)));
      agent.start();
    }),
    call: (target) => {
      enter("calling");
      const s = agent.call(`sip:${target}@${domain}`, { mediaConstraints: media, pcConfig: { iceServers: [] } });
      hear(s.connection);
    },
    answer: () => session.answer({ mediaConstraints: media, pcConfig: { iceServers: [] } }),
    hangUp: () => session.terminate(),
    stop: () => agent.stop(),
  };
}

window.client = (kind, options) => ({ sipjs, jssip })[kind](options);
