// Two SIP clients as their makers publish them, behind one small interface:
// client(kind, options) with register, call, answer, hangUp, hold, restart (of ICE), update (without an offer), key (a digit by INFO), tone (one in the media), tell (any INFO), message, subscribe and
// forward (302), progress (183, acknowledged), ask (for an offer), swap (of two calls the other one is the last), and for transfers pass (the peer is to call somebody else), keep (the call becomes the first of two), join (the first one's peer is to
// talk to the second's) and dialog (the call's identifiers, as somebody names them who takes the far end's place; own, who takes its own).
// Who is asked to call somebody else does. Headers can be added to calls, answers and ends; those that come and tell of people, and what happens, are
// in window.log, the state of the last call in window.state, its connection in
// window.pc.
import JsSIP from "jssip";
import { Inviter, Messager, Publisher, Registerer, RegistererState, SessionState, Subscriber, UserAgent } from "sip.js";

window.log = [];
window.state = "idle";
window.pc = null;

window.wire = [];
const waiting = [];
let open = true;
window.way = (opens) => {
  open = opens;
  while (open && waiting.length > 0) waiting.shift()();
};
window.WebSocket = class extends WebSocket {
  constructor(...where) {
    super(...where);
    this.addEventListener("message", (e) => { // before those of the client
      if (!e.isTrusted) return;
      window.wire.push(`< ${e.data}`);
      if (open) return;
      e.stopImmediatePropagation();
      waiting.push(() => this.dispatchEvent(new MessageEvent("message", { data: e.data })));
    });
  }
  send(data) {
    window.wire.push(`> ${data}`);
    super.send(data);
  }
};

const note = (line) => { window.log.push(line); console.log(line); };
const enter = (state) => { window.state = state; note(`call ${state}`); };

const telling = ["From", "P-Asserted-Identity", "Privacy", "User-to-User", "Diversion", "History-Info", "Alert-Info", "Answer-Mode", "Call-Info", "Reason", "Warning"];

// told notes what a message says of people and of what to do.
function told(what, message) {
  for (const name of telling) for (const value of message?.getHeaders?.(name) ?? []) note(`${what} ${name}: ${value}`);
}

function hear(pc) {
  if (!pc || window.pc === pc) return;
  window.pc = pc;
  const ear = document.querySelector("#ear");
  const play = (track) => {
    if (track.kind === "audio") ear.srcObject = new MediaStream([track]);
    else document.querySelector("#eye").srcObject = new MediaStream([track]);
  };
  pc.addEventListener("track", (e) => play(e.track));
  for (const receiver of pc.getReceivers()) play(receiver.track);
}

// What a client sends: sound, and with the option video a small picture, which the far end's page shows nowhere but decodes.
const constraints = (video) => ({ audio: true, video: video ? { width: 160, height: 120, frameRate: 15 } : false });

function sipjs({ ws, user, domain, password, instance, regId, video, reliable }) {
  let session = null, first = null;
  const media = constraints(video);
  const options = { sessionDescriptionHandlerOptions: { constraints: media } };
  const take = (s) => {
    session = s;
    s.delegate = {
      onBye: (bye) => { told("end", bye.request); bye.accept(); },
      onInfo: (info) => { note(`info ${info.request.body.replace(/\s+/g, " ")}`); info.accept(); },
      onCancel: (cancel) => told("end", cancel.request),
      onRefer: async (referral) => {
        await referral.accept();
        const next = referral.makeInviter(options);
        take(next);
        await next.invite();
      },
    };
    s.stateChange.addListener((state) => {
      if (state === SessionState.Established) { hear(s.sessionDescriptionHandler.peerConnection); enter("talking"); }
      if (state === SessionState.Terminated && s === session) enter("ended");
    });
  };
  const agent = new UserAgent({
    uri: UserAgent.makeURI(`sip:${user}@${domain}`),
    transportOptions: { server: ws },
    authorizationUsername: user,
    authorizationPassword: password,
    logLevel: "warn",
    ...(instance && { instanceId: instance, instanceIdAlwaysAdded: true }),
    ...(reliable && { sipExtension100rel: reliable }),
    sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] }, iceGatheringTimeout: 1000 },
    delegate: {
      onInvite: (invitation) => { take(invitation); told("call", invitation.request); enter("incoming"); },
      onMessage: (message) => { note(`text ${message.request.body}`); message.accept(); },
      onDisconnect: (error) => {
        note(`disconnected ${error ?? ""}`);
        if (error) again(); // as SIP.js leaves it to its user
      },
    },
  });
  const registerer = new Registerer(agent, { ...(instance && { instanceId: instance }), ...(regId && { regId }) });
  const again = () => setTimeout(() => agent.reconnect().then(() => registerer.register({ requestDelegate: { onAccept: () => note("connected again") } })).catch(again), 1000);
  return {
    register: async () => {
      await agent.start();
      await new Promise((resolve, reject) => {
        registerer.stateChange.addListener((s) => { if (s === RegistererState.Registered) resolve(); });
        registerer.register({ requestDelegate: { onReject: (r) => reject(new Error(`${r.message.statusCode} ${r.message.reasonPhrase}`)) } }).catch(reject);
      });
    },
    call: async (target, extraHeaders = [], anonymous = false, more = {}) => {
      const inviter = new Inviter(agent, UserAgent.makeURI(target.includes("@") ? target : `sip:${target}@${domain}`), {
        extraHeaders, anonymous, ...more, sessionDescriptionHandlerOptions: { constraints: media } });
      take(inviter);
      enter("calling");
      await inviter.invite({ requestDelegate: {
        onProgress: (r) => { told("progress", r.message); hear(inviter.sessionDescriptionHandler?.peerConnection); },
        onAccept: (r) => told("answer", r.message),
        onReject: (r) => { told("refusal", r.message); note(`rejected ${r.message.statusCode}`); } } });
    },
    answer: (extraHeaders = []) => session.accept({ extraHeaders, sessionDescriptionHandlerOptions: { constraints: media } }),
    progress: async () => {
      await session.progress({ statusCode: 183, rel100: true, sessionDescriptionHandlerOptions: { constraints: media } });
      hear(session.sessionDescriptionHandler.peerConnection);
    },
    gruu: () => agent.contact.pubGruu?.toString() ?? "",
    temporary: () => agent.contact.tempGruu?.toString() ?? "",
    hangUp: (extraHeaders = []) => (session.state === SessionState.Established ? session.bye({ requestOptions: { extraHeaders } }) : session.cancel()),
    decline: () => session.reject({ statusCode: 486 }),
    hold: (on, how) => new Promise((resolve, reject) => {
      const modifiers = on && how ? [(d) => Promise.resolve({ type: d.type, sdp: d.sdp.replace(/a=send\w+/g, `a=${how}`) })] : [];
      session.sessionDescriptionHandlerOptionsReInvite = { constraints: media, hold: on };
      session.invite({ sessionDescriptionHandlerModifiers: modifiers, requestDelegate: { onAccept: resolve, onReject: (r) => reject(new Error(`hold: ${r.message.statusCode}`)) } }).catch(reject);
    }),
    ask: () => new Promise((resolve, reject) => {
      session.invite({ withoutSdp: true, requestDelegate: { onAccept: resolve, onReject: (r) => reject(new Error(`ask: ${r.message.statusCode}`)) } }).catch(reject);
    }),
    restart: () => new Promise((resolve, reject) => {
      session.invite({
        sessionDescriptionHandlerOptions: { constraints: media, offerOptions: { iceRestart: true } },
        requestDelegate: { onAccept: resolve, onReject: (r) => reject(new Error(`restart: ${r.message.statusCode}`)) },
      }).catch(reject);
    }),
    pass: (target, at = domain) => session.refer(UserAgent.makeURI(`sip:${target}@${at}`), { onNotify: (n) => {
      n.accept();
      note(`passed on: ${n.request.body.trim()}`);
      if (/^SIP\/2.0 2/.test(n.request.body)) session.bye();
    } }),
    tone: (digit) => session.sessionDescriptionHandler.sendDtmf(digit, { duration: 160 }),
    tell: (content) => session.info({ requestOptions: { body: { contentDisposition: "render", contentType: "text/plain", content } } }),
    forward: (target) => session.reject({ statusCode: 302, reasonPhrase: "Moved", extraHeaders: [`Contact: <sip:${target}@${domain}>`] }),
    key: (digit) => session.info({ requestOptions: { body: {
      contentDisposition: "render", contentType: "application/dtmf-relay", content: `Signal=${digit}\r\nDuration=160` } } }),
    keep: () => { first = session; },
    swap: () => { [first, session] = [session, first]; hear(session.sessionDescriptionHandler?.peerConnection); },
    join: () => first.refer(session),
    dialog: () => `${session.dialog.callId};to-tag=${session.dialog.localTag};from-tag=${session.dialog.remoteTag}`,
    own: () => `${session.dialog.callId};to-tag=${session.dialog.remoteTag};from-tag=${session.dialog.localTag}`,
    message: (target, text) => new Messager(agent, UserAgent.makeURI(`sip:${target}@${domain}`), text).message({ requestDelegate: {
      onAccept: (r) => note(`sent ${r.message.statusCode}`), onReject: (r) => note(`not sent ${r.message.statusCode}`) } }),
    subscribe: async (target, event) => {
      const s = new Subscriber(agent, UserAgent.makeURI(`sip:${target}@${domain}`), event, { delegate: {
        onNotify: (n) => { n.accept(); note(`${event} of ${target}: ${n.request.body.replace(/\s+/g, " ")}`); } } });
      s.stateChange.addListener((state) => note(`subscription to ${event} of ${target} ${state}`));
      await s.subscribe();
      return s;
    },
    publish: (body) => {
      const p = new Publisher(agent, UserAgent.makeURI(`sip:${user}@${domain}`), "presence", { body, contentType: "application/pidf+xml", expires: 600 });
      p.on?.("published", () => note("published"));
      return p.publish(body);
    },
    stop: () => agent.stop(),
  };
}

function jssip({ ws, user, domain, password, instance, video }) {
  let session = null, first = null;
  const withMedia = { mediaConstraints: constraints(video), pcConfig: { iceServers: [] } };
  const agent = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(ws)],
    uri: `sip:${user}@${domain}`,
    authorization_user: user,
    password,
    register: true,
    ...(instance && { instance_id: instance }),
  });
  agent.on("disconnected", (e) => note(`disconnected ${e.code ?? ""}`));
  agent.on("registered", () => note("connected again"));
  agent.on("newMessage", ({ originator, request }) => { if (originator === "remote") note(`text ${request.body}`); });
  agent.on("newRTCSession", ({ session: s, originator, request }) => {
    session = s;
    if (originator === "remote") {
      s.on("peerconnection", (e) => hear(e.peerconnection));
      told("call", request);
      enter("incoming");
    } else {
      s.on("progress", (e) => told("progress", e.response));
      s.on("accepted", (e) => told("answer", e.response));
    }
    s.on("confirmed", () => enter("talking"));
    s.on("newDTMF", (e) => { if (e.originator === "remote") note(`info ${e.request.body.replace(/\s+/g, " ")}: key ${e.dtmf.tone}`); });
    s.on("newInfo", (e) => { if (e.originator === "remote") note(`info ${e.request.body.replace(/\s+/g, " ")}`); });
    s.on("update", () => note("UPDATE"));
    s.on("hold", (e) => note(`hold ${e.originator}`));
    s.on("peerconnection:setremotedescriptionfailed", (e) => note(`description refused: ${e}`));
    s.on("ended", (e) => { told("end", e.message); note(`ended by ${e.originator}: ${e.cause}`); if (s === session) enter("ended"); });
    s.on("refer", ({ accept }) => accept((next) => hear(next.connection), withMedia));
    s.on("failed", (e) => {
      told(e.cause === JsSIP.C.causes.CANCELED ? "end" : "refusal", e.message);
      note(`rejected ${e.message?.status_code ?? e.cause}`);
      enter("ended");
    });
  });
  return {
    register: () => new Promise((resolve, reject) => {
      agent.on("registered", () => resolve());
      agent.on("registrationFailed", (e) => reject(new Error(`${e.response?.status_code ?? ""} ${e.cause}`)));
      agent.start();
    }),
    call: (target, extraHeaders = [], anonymous = false) => {
      enter("calling");
      const s = agent.call(target.includes("@") ? target : `sip:${target}@${domain}`, { ...withMedia, extraHeaders, anonymous });
      hear(s.connection);
    },
    answer: (extraHeaders = []) => session.answer({ ...withMedia, extraHeaders, rtcOfferConstraints: { offerToReceiveAudio: true } }),
    gruu: () => agent.contact.pub_gruu ?? "",
    temporary: () => agent.contact.temp_gruu ?? "",
    hangUp: (extraHeaders = []) => session.terminate({ extraHeaders }),
    decline: () => session.terminate({ status_code: 486 }),
    hold: (on, useUpdate = false) => new Promise((resolve, reject) => {
      if (!session[on ? "hold" : "unhold"]({ useUpdate }, resolve)) reject(new Error("hold: not now"));
    }),
    restart: () => new Promise((resolve, reject) => {
      if (!session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, resolve)) reject(new Error("restart: not now"));
    }),
    update: () => new Promise((resolve, reject) => session.sendRequest(JsSIP.C.UPDATE, { eventHandlers: {
      onSuccessResponse: resolve, onErrorResponse: (r) => reject(new Error(`update: ${r.status_code}`)) } })),
    pass: (target, at = domain) => session.refer(`sip:${target}@${at}`, { eventHandlers: {
      accepted: () => { note("passed on"); session.terminate(); }, failed: (e) => note(`not passed on ${e.status_line?.status_code}`) } }),
    tone: (digit) => session.sendDTMF(digit, { duration: 160, transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833 }),
    tell: (content) => session.sendInfo("text/plain", content),
    forward: (target) => session.terminate({ status_code: 302, reason_phrase: "Moved", extraHeaders: [`Contact: <sip:${target}@${domain}>`] }),
    key: (digit) => session.sendDTMF(digit, { duration: 160 }), // by INFO, as it does when not told otherwise
    keep: () => { first = session; },
    swap: () => { [first, session] = [session, first]; hear(session.connection); },
    join: () => first.refer(session.remote_identity.uri, { replaces: session }),
    dialog: () => `${session._dialog.id.call_id};to-tag=${session._dialog.id.local_tag};from-tag=${session._dialog.id.remote_tag}`,
    own: () => `${session._dialog.id.call_id};to-tag=${session._dialog.id.remote_tag};from-tag=${session._dialog.id.local_tag}`,
    message: (target, text) => agent.sendMessage(`sip:${target}@${domain}`, text, { eventHandlers: {
      succeeded: ({ response }) => note(`sent ${response.status_code}`), failed: (e) => note(`not sent ${e.response?.status_code}`) } }),
    subscribe: (target, event) => {
      const accept = { dialog: "application/dialog-info+xml", presence: "application/pidf+xml", "message-summary": "application/simple-message-summary", reg: "application/reginfo+xml" }[event];
      const s = agent.subscribe(`sip:${target}@${domain}`, event, accept, { expires: 600 });
      s.on("notify", (final, request, body) => note(`${event} of ${target}: ${(body ?? "").replace(/\s+/g, " ")}`));
      s.on("active", () => note(`subscription to ${event} of ${target} active`));
      s.on("terminated", (code, reason) => note(`subscription to ${event} of ${target} Terminated ${code} ${reason ?? ""}`));
      s.subscribe();
      return s;
    },
    stop: () => agent.stop(),
  };
}

window.client = (kind, options) => ({ sipjs, jssip })[kind](options);
