// The answer to an HTTP/2 client where only HTTP/1.1 is served: an empty SETTINGS frame and GOAWAY with
// HTTP_1_1_REQUIRED (RFC 9113 sections 3.4, 6.8, 7), so that the client knows to try again in HTTP/1.1.
import type { ByteStream } from "../transport/byte-stream.ts";

const emptySettingsFrame = "000000040000000000";
/** Last stream 0, error code 0xd. */
const goAwayFrame = "000008070000000000000000000000000d";

const answer = Buffer.from(emptySettingsFrame + goAwayFrame, "hex");

/** Whoever reads the stream must go on reading: closing with unread bytes could take the answer away. */
export function refuseHttp2(stream: ByteStream): void {
  stream.writeOwned(answer);
  stream.end();
}
