// A grpc probe: grpc.health.v1.Health/Check over cleartext HTTP/2, passed when the answer is SERVING. The message has one
// field each way and is written and read here; a gRPC client would keep channels and choose its own source address.
import type { ClientHttp2Session } from "node:http2";
import http2 from "node:http2";
import net from "node:net";
import type { ProbeTarget, ProbeVerdict } from "./verdict.ts";

const maxResponseBytes = 10 * 1024;
/** Field 1, varint, of HealthCheckResponse; ServingStatus.SERVING. */
const statusTag = 0x08;
const serving = 1;

/** Rejects when the connection fails, or breaks off, or the signal comes first. */
export async function probeGrpc(
  service: string,
  target: ProbeTarget,
  userAgent: string,
  signal: AbortSignal,
): Promise<ProbeVerdict> {
  const authority = `${net.isIPv6(target.host) ? `[${target.host}]` : target.host}:${target.port}`;
  const session = http2.connect(`http://${authority}`, {
    createConnection: () => net.connect({ ...target, signal } as net.TcpNetConnectOpts),
  });
  try {
    return await check(session, service, userAgent, signal);
  } finally {
    session.destroy();
  }
}

function check(
  session: ClientHttp2Session,
  service: string,
  userAgent: string,
  signal: AbortSignal,
): Promise<ProbeVerdict> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    session.on("error", reject);
    session.on("close", () => reject(new Error("the connection was closed")));
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": userAgent,
    });
    let httpStatus = 0;
    let code: string | undefined;
    let message = "";
    let body = Buffer.alloc(0);
    const take = (headers: Readonly<Record<string, unknown>>): void => {
      if (typeof headers["grpc-status"] !== "string") return;
      code = headers["grpc-status"];
      message = typeof headers["grpc-message"] === "string" ? decoded(headers["grpc-message"]) : "";
    };
    stream.on("error", reject);
    stream.on("response", (headers) => {
      httpStatus = headers[":status"] ?? 0;
      take(headers);
    });
    stream.on("trailers", take);
    stream.on("data", (bytes: Buffer) => {
      if (body.length + bytes.length <= maxResponseBytes) body = Buffer.concat([body, bytes]);
    });
    stream.on("end", () => {
      if (httpStatus !== 200)
        resolve({ passed: false, reason: `the gRPC server answered with HTTP status ${httpStatus}` });
      else if (code !== "0") resolve({ passed: false, reason: `gRPC status ${code ?? "missing"} ${message}`.trim() });
      else resolve(verdictOf(body));
    });
    stream.end(requestOf(service));
  });
}

/** grpc-message is percent-encoded; one that is not well-formed is shown as it is. */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

/** HealthCheckRequest in its frame: no compression, length, field 1 as a string. */
function requestOf(service: string): Buffer {
  const name = Buffer.from(service, "utf8");
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function verdictOf(body: Buffer): ProbeVerdict {
  const message = body.subarray(5);
  // A status of 0 may be left out, and means UNKNOWN.
  const status = message[0] === statusTag ? (message[1] ?? 0) : 0;
  const names = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
  return { passed: status === serving, reason: `the gRPC server is ${names[status] ?? status}` };
}
