// direction.js – which way the sound of a session description goes.

/**
 * Whether the one who wrote a description holds the call: it wants to hear nobody (RFC 3264 §8.4).
 * @param {string} sdp
 */
export function holds(sdp) {
  const [session, ...streams] = sdp.split(/^m=/m);
  const audio = streams.find((s) => /^audio [1-9]/.test(s)); // port 0: refused
  const stated = (part) => /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m.exec(part ?? "")?.[1];
  return ["sendonly", "inactive"].includes(stated(audio) ?? (audio && stated(session)));
}
