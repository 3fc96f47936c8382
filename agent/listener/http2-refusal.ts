// The answer to an HTTP/2 client where only HTTP/1.1 is served: an empty SETTINGS frame and GOAWAY with
// HTTP_1_1_REQUIRED (RFC 9113 sections 3.4, 6.8, 7), so that the client knows to try again in HTTP/1.1.
import type { ByteStream } from "../transport/byte-stream.ts";

const http11Required = 0xd;

const answer = Buffer.from([
  // SETTINGS, empty: the server's connection preface.
  ...[0, 0, 0, 4, 0, 0, 0, 0, 0],
  // GOAWAY: last stream 0, error code.
  ...[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, http11Required],
]);

export function refuseHttp2(stream: ByteStream): void {
  stream.writeOwned(answer);
  stream.finish();
}
