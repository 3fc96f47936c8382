// The heads that leave the proxy: what is dropped, edited and appended on the way. Owns the policy of header editing in
// one place; copying the bytes is http1/head-writer.ts's. Everything not named here keeps its case, order and duplicates.
import { requestStartLine, responseStartLine, writeHead } from "../http1/head-writer.ts";
import { HeaderId } from "../http1/header-names.ts";
import type { MessageHead } from "../http1/message-head.ts";
import { HOP_BY_HOP } from "../http1/message-head.ts";
import { traceHeaderNames, traceHeaders } from "../telemetry/trace-context.ts";
import type { HeaderEdit } from "../snapshot/compiled.ts";
import type { Exchange } from "./exchange.ts";
import { replayHeader } from "./replay.ts";

/** Marks a mirrored copy. Gateways strip it from clients. */
export const mirrorMarkerHeader = "heddle-mirror";

const gatewayDrops = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", mirrorMarkerHeader];

/** Lists by what an exchange drops besides its edit, made once. */
const dropLists = {
  gateway: gatewayDrops,
  gatewayTraced: [...gatewayDrops, ...traceHeaderNames],
  sidecar: [] as readonly string[],
  sidecarTraced: traceHeaderNames,
};

/** Combined lists per edit, so that an edit costs no array per request. Keyed by the edit's own list. */
const combined = new WeakMap<readonly string[], Map<readonly string[], readonly string[]>>();

function dropNames(exchange: Exchange): readonly string[] {
  const gateway = exchange.direction.name === "gateway";
  const traced = exchange.trace !== null;
  const own = gateway
    ? traced
      ? dropLists.gatewayTraced
      : dropLists.gateway
    : traced
      ? dropLists.sidecarTraced
      : dropLists.sidecar;
  const edit = exchange.backend?.requestEdit ?? null;
  if (edit === null || edit.drop.length === 0) return own;
  let byOwn = combined.get(edit.drop);
  if (byOwn === undefined) combined.set(edit.drop, (byOwn = new Map()));
  let both = byOwn.get(own);
  if (both === undefined) byOwn.set(own, (both = [...edit.drop, ...own]));
  return both;
}

/** The request as it goes to the endpoint. */
export function renderRequest(exchange: Exchange, head: MessageHead): string {
  const trace = exchange.trace === null ? "" : traceHeaders(exchange.trace, exchange.upstreamSpanId);
  return render(exchange, head, trace);
}

/** The request as a mirror gets it: the same, but for the marker and the trace headers of the copy's own span. */
export function renderMirrorRequest(exchange: Exchange, head: MessageHead, spanId: string): string {
  const trace = exchange.trace === null ? "" : traceHeaders(exchange.trace, spanId);
  return render(exchange, head, `${trace}${mirrorMarkerHeader}: ${exchange.rule?.id ?? ""}\r\n`);
}

function render(exchange: Exchange, head: MessageHead, last: string): string {
  const edit = exchange.backend?.requestEdit ?? null;
  let append = edit === null ? "" : edit.append;
  if (exchange.direction.name === "gateway") append += forwardedHeaders(exchange, head, edit);
  const drop = withoutReplay(head, dropNames(exchange));
  return writeHead(head, requestStartLine(head), HOP_BY_HOP, drop, append + last);
}

/** heddle-replay ends at each agent: an application that sends back what it got must not be taken for one. */
function withoutReplay(head: MessageHead, drop: readonly string[]): readonly string[] {
  return head.indexOf(HeaderId.HEDDLE_REPLAY) < 0 ? drop : [...drop, replayHeader];
}

/**
 * Gateways append to X-Forwarded-For and set X-Forwarded-Proto and -Host; sidecars leave them alone. What a route's
 * filter sets or removes is left to the filter.
 */
function forwardedHeaders(exchange: Exchange, head: MessageHead, edit: HeaderEdit | null): string {
  const client = exchange.downstream.remoteAddress;
  const earlier = head.indexOf(HeaderId.X_FORWARDED_FOR) < 0 ? undefined : head.header("x-forwarded-for");
  const address = `X-Forwarded-For: ${earlier === undefined ? client : `${earlier}, ${client}`}\r\n`;
  const protocol = "X-Forwarded-Proto: http\r\n";
  const host = head.authority === "" ? "" : `X-Forwarded-Host: ${head.authority}\r\n`;
  if (edit === null || edit.drop.length === 0) return address + protocol + host;
  return (
    (edit.drop.includes("x-forwarded-for") ? "" : address) +
    (edit.drop.includes("x-forwarded-proto") ? "" : protocol) +
    (edit.drop.includes("x-forwarded-host") ? "" : host)
  );
}

const nothingDropped: readonly string[] = [];

/**
 * A response, final or 1xx, as it goes to the client. `connection`: value of the Connection header, "" for none;
 * `dropFlags`: HOP_BY_HOP, with FRAMING where the body is framed anew. What an agent says to the next goes no further.
 */
export function renderResponse(exchange: Exchange, head: MessageHead, connection: string, dropFlags: number): string {
  const edit = head.statusCode >= 200 ? (exchange.backend?.responseEdit ?? null) : null;
  const append = edit === null ? "" : edit.append;
  const drop = edit === null ? nothingDropped : edit.drop;
  return writeHead(
    head,
    responseStartLine(head),
    dropFlags,
    withoutReplay(head, drop),
    connection === "" ? append : `${append}Connection: ${connection}\r\n`,
  );
}
