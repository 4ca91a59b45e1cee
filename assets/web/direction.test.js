import { test } from "node:test";
import assert from "node:assert/strict";
import { holds } from "./direction.js";

const head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const audio = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n";

for (const [name, sdp, held] of [
  ["both ways", head + audio + "a=sendrecv\r\n", false],
  ["nothing said", head + audio, false],
  ["hears only", head + audio + "a=recvonly\r\n", false],
  ["sends only", head + audio + "a=sendonly\r\n", true],
  ["neither", head + audio + "a=inactive\r\n", true],
  ["said for the session", head + "a=sendonly\r\n" + audio, true],
  ["the stream says otherwise", head + "a=sendonly\r\n" + audio + "a=sendrecv\r\n", false],
  ["another stream", head + audio + "a=sendrecv\r\nm=video 0 RTP/AVP 96\r\na=inactive\r\n", false],
  ["refused stream first", head + "m=audio 0 RTP/AVP 0\r\na=inactive\r\n" + audio + "a=sendrecv\r\n", false],
  ["no sound at all", head + "a=inactive\r\n", false],
]) {
  test(name, () => assert.equal(holds(sdp), held));
}
