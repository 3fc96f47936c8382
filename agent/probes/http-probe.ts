// An httpGet probe, judged as the kubelet judges: 200 to 399 passes, redirects to the same host are followed, one to
// another host passes unseen. Certificates are not verified. One connection for each request, never kept.
import type { IncomingMessage } from "node:http";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import type { HttpGetProbe } from "../../proto/app-probes.ts";
import type { ProbeTarget, ProbeVerdict } from "./verdict.ts";

/** The kubelet's, which are those of Go's HTTP client and of k8s.io/kubernetes/pkg/probe/http. */
const maxRequests = 10;
const maxBodyBytes = 10 * 1024;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Rejects when a connection fails, a response breaks off or the signal comes first. */
export async function probeHttp(
  { path, scheme, httpHeaders = [] }: HttpGetProbe["httpGet"],
  target: ProbeTarget,
  userAgent: string,
  signal: AbortSignal,
): Promise<ProbeVerdict> {
  const given = new Map(httpHeaders.map(({ name, value }) => [name.toLowerCase(), value]));
  const headers = httpHeaders.flatMap(({ name, value }) =>
    // Said here in their own way, or not to be said at all: the kubelet takes an empty one as "none".
    ["host", "user-agent", "accept"].includes(name.toLowerCase()) ? [] : [name, octetsOf(value)],
  );
  for (const [name, fallback] of [
    ["user-agent", userAgent],
    ["accept", "*/*"],
  ] as const) {
    const value = given.get(name) ?? fallback;
    if (value !== "") headers.push(name, octetsOf(value));
  }
  const authority = `${net.isIPv6(target.host) ? `[${target.host}]` : target.host}:${target.port}`;
  const origin = `${scheme.toLowerCase()}://${authority}`;
  let host = given.get("host") ?? "";
  let url = new URL(origin);
  // Not through URL, which would take dots and doubled slashes out of it.
  let requestTarget = escaped(path);
  for (let requests = 1; ; requests++) {
    const sent = ["Host", octetsOf(host === "" ? url.host : host), ...headers];
    const response = await get(url, requestTarget, sent, target.localAddress, signal);
    const status = response.statusCode ?? 0;
    const { location } = response.headers;
    if (location === undefined || !redirectStatuses.has(status)) {
      await readSome(response);
      return { passed: status >= 200 && status < 400, reason: `HTTP probe got status ${status}` };
    }
    response.destroy();
    const next = new URL(location, new URL(requestTarget, url));
    if (next.protocol !== "http:" && next.protocol !== "https:") {
      return { passed: false, reason: `redirect to the unsupported scheme ${next.protocol}` };
    }
    if (next.hostname !== new URL(origin).hostname) {
      return { passed: true, reason: `HTTP probe got status ${status}, a redirect to another host, ${next.host}` };
    }
    if (requests === maxRequests) return { passed: false, reason: `stopped after ${maxRequests} redirects` };
    if (/^[a-z][a-z0-9+.-]*:/i.test(location)) host = "";
    url = next;
    requestTarget = next.pathname + next.search;
  }
}

async function get(
  url: URL,
  path: string,
  headers: readonly string[],
  localAddress: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const options: https.RequestOptions = {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
    path,
    headers,
    agent: false,
    signal,
    rejectUnauthorized: false,
    ...(localAddress === undefined ? {} : { localAddress }),
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? https.request(options) : http.request(options);
    request.once("response", resolve);
    // After the response the one who reads its body hears of errors.
    request.on("error", reject);
    request.end();
  });
}

/** A body that breaks off before the limit is a failure. */
async function readSome(response: IncomingMessage): Promise<void> {
  let length = 0;
  for await (const bytes of response) {
    length += (bytes as Buffer).length;
    if (length >= maxBodyBytes) break;
  }
}

function octetsOf(value: string): string {
  return Buffer.from(value, "utf8").toString("latin1");
}

function escaped(path: string): string {
  return path.replace(/#.*$/, "").replaceAll(/[^\x21-\x7e]+/g, encodeURIComponent);
}
