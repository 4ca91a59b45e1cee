// quality.js – from the counters of a peer connection to one word about the sound.

/**
 * The counters of what is heard, from getStats' inbound-rtp.
 * @typedef {{received: number, lost: number}} Counters  packets
 */

/** The share of packets above which a listener notices gaps, and above which words are lost. */
const some = 0.02;
const much = 0.1;

/**
 * How the sound was between two looks at the counters.
 * @param {Counters} before
 * @param {Counters} now
 * @returns {"clear"|"some"|"much"|"silent"}
 */
export function quality(before, now) {
  const received = now.received - before.received;
  if (received <= 0) return "silent";
  const lost = Math.max(0, now.lost - before.lost);
  const share = lost / (received + lost);
  if (share > much) return "much";
  return share > some ? "some" : "clear";
}

/** @returns {Promise<Counters>} of the audio that pc receives */
export async function counters(pc) {
  const sum = { received: 0, lost: 0 };
  for (const report of (await pc.getStats()).values()) {
    if (report.type !== "inbound-rtp" || report.kind !== "audio") continue;
    sum.received += report.packetsReceived ?? 0;
    sum.lost += report.packetsLost ?? 0;
  }
  return sum;
}
