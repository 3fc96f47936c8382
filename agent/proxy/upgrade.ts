// WebSocket upgrades, carried by http2-proxy over a Duplex on our socket. Routing, filters, endpoint choice and replay
// are the exchange's as for any request; the heads are written by our own codec, so that Host, case, order and
// duplicates are what a plain request would have got. A connection that is upgraded keeps its endpoint whatever the
// configuration becomes.
import { EventEmitter } from "node:events";
import http from "node:http";
import type { Duplex } from "node:stream";
import http2Proxy from "http2-proxy";
import type { ByteReader, ByteStream } from "../transport/byte-stream.ts";
import type { Deadlines } from "../transport/deadlines.ts";
import type { EndpointState } from "../upstream/cluster-manager.ts";
import type { UpstreamFailure } from "../upstream/upstream-connection.ts";
import type { MessageHead } from "../http1/message-head.ts";
import type { HeaderEdit } from "../snapshot/compiled.ts";
import { ClientDuplex } from "./client-duplex.ts";
import type { Exchange } from "./exchange.ts";
import { renderRequest } from "./heads.ts";
import { attemptOf, replayAfterAnswer, replayHeader } from "./replay.ts";

/** What `ws` really takes: the published types leave out what onReq may return and mistake what onRes gets. */
type CarryWebSocket = (
  request: EventEmitter,
  socket: Duplex,
  first: Buffer,
  options: {
    readonly onReq: () => Promise<http.ClientRequest>;
    readonly onRes: (request: EventEmitter, socket: Duplex, response: http.IncomingMessage) => void;
  },
  callback: (error: Error | null) => void,
) => void;

const carryWebSocket = http2Proxy.ws as unknown as CarryWebSocket;

/** What carrying an upgrade needs of its exchange. */
export interface UpgradeOwner {
  /** The answer's status, before it goes to the client: onUpgradeClosed follows a 101, onUpgradeRefused another. */
  onUpgradeAnswered(statusCode: number): void;
  onUpstreamFailure(failure: UpstreamFailure): void;
  /** The upgraded connection is gone, on both sides. */
  onUpgradeClosed(): void;
  /** The endpoint's refusal is over; `whole` when all of it has been written. */
  onUpgradeRefused(whole: boolean): void;
}

export interface UpgradeRequest {
  readonly stream: ByteStream;
  readonly endpoint: EndpointState;
  /** The request as it goes to the endpoint, without Connection and Upgrade. */
  readonly text: string;
  readonly target: string;
  /** Bytes that followed the request head. */
  readonly first: Buffer;
  readonly responseEdit: HeaderEdit | null;
  /** The failure that an answer stands for when the endpoint's agent gave it and the request may go elsewhere; or null. */
  readonly failureBehind: (response: http.IncomingMessage) => UpstreamFailure | null;
  readonly connectTimeoutMs: number;
  /** Ends a client that does not take what a closed tunnel left for it. */
  readonly deadlines: Deadlines;
  readonly now: () => number;
}

/** Whether the request asks for WebSocket as RFC 6455 section 4.1 has it; what is not one has its Upgrade dropped. */
export function isWebSocketHandshake(head: MessageHead): boolean {
  return head.upgrade === "websocket" && head.method === "GET" && head.framing === "none";
}

/** The upgrade of an exchange's request; `first` is what followed its head. */
export function upgradeRequestOf(exchange: Exchange, endpoint: EndpointState, first: Buffer): UpgradeRequest {
  const { head, stream } = exchange.downstream;
  return {
    stream,
    endpoint,
    text: renderRequest(exchange, head),
    target: head.originTarget,
    first,
    responseEdit: exchange.backend?.responseEdit ?? null,
    failureBehind: (response) => failureBehind(exchange, response),
    connectTimeoutMs: endpoint.pool.options.connectTimeoutMs,
    deadlines: exchange.context.deadlines,
    now: exchange.context.now,
  };
}

function failureBehind(exchange: Exchange, response: http.IncomingMessage): UpstreamFailure | null {
  const { statusCode = 0, headers } = response;
  const header = (name: string): string | undefined => headers[name]?.toString();
  // A handshake has no body, so all of it is at hand.
  const attempt = attemptOf(exchange, exchange.downstream.head.method, true);
  const message = "the agent beside the endpoint could not reach it";
  switch (replayAfterAnswer({ statusCode, header }, attempt)) {
    case "connect-failure":
      return { kind: "connect-failed", reused: false, message };
    case "reset":
      return { kind: "reset", reused: false, unanswered: true, message };
    case null:
      return null;
  }
}

/** Starts carrying; returns the reader that the client's stream must have from now on. */
export function carryUpgrade(request: UpgradeRequest, owner: UpgradeOwner): ByteReader {
  const client = new ClientDuplex(request.stream);
  let connected = false;
  let answered = false;
  let tunnel = false;
  let behind: UpstreamFailure | null = null;
  const incoming = Object.assign(new EventEmitter(), {
    method: "GET",
    url: request.target,
    httpVersion: "1.1",
    headers: { upgrade: "websocket" },
    socket: request.stream.socket,
    resume: () => undefined,
  });
  const answer = (response: http.IncomingMessage, connection: string): void => {
    answered = true;
    owner.onUpgradeAnswered(response.statusCode ?? 502);
    request.stream.writeText(renderHead(response, request.responseEdit, connection));
  };
  carryWebSocket(
    incoming,
    client,
    request.first,
    {
      onReq: async () => {
        const outgoing = requestTo(request);
        await accepted(outgoing, request, client);
        connected = true;
        outgoing.once("upgrade", (response: http.IncomingMessage) => {
          tunnel = true;
          answer(response, "Upgrade");
          // http2-proxy writes a head of its own next: ours is out already.
          client.skipNextWrite();
        });
        return outgoing;
      },
      onRes: (_incoming, _socket, response) => {
        behind = request.failureBehind(response);
        // Thrown, it ends the request to the endpoint and comes back below.
        if (behind !== null) throw new Error(behind.message);
        answer(response, "close");
        response.on("data", (chunk: Buffer) => {
          if (!request.stream.writeOwned(chunk)) response.pause();
        });
        client.onDrained = () => response.resume();
        response.on("end", () => {
          owner.onUpgradeRefused(true);
          client.destroy();
        });
      },
    },
    (error) => {
      if (tunnel) {
        client.leave(request.deadlines, request.now());
        owner.onUpgradeClosed();
        return;
      }
      if (answered) {
        // After a whole refusal nobody listens any more.
        owner.onUpgradeRefused(false);
        return;
      }
      owner.onUpstreamFailure(
        behind ?? {
          kind: connected ? "reset" : "connect-failed",
          reused: false,
          message: error?.message ?? "the endpoint closed the connection",
        },
      );
    },
  );
  return client;
}

/** The handshake as it goes to the endpoint; nothing is sent before whoever carries it ends the request. */
function requestTo(request: UpgradeRequest): http.ClientRequest {
  const { localAddress } = request.endpoint.pool.target;
  return http.request({
    host: request.endpoint.address,
    port: request.endpoint.port,
    // As the pool dials: else capture would send an inbound upgrade back to this agent, over and over.
    ...(localAddress === undefined ? {} : { localAddress }),
    method: "GET",
    path: request.target,
    headers: [...headerPairs(request.text), "Connection", "Upgrade", "Upgrade", "websocket"],
    setHost: false,
    agent: false,
  });
}

/**
 * Resolves when the endpoint has accepted the connection; rejects when it does not, in time, or when the client goes away
 * meanwhile. http2-proxy listens only to a request that it has been given, a few microtasks later, and a dial that cannot
 * even begin (no route, no descriptor left) fails before those.
 */
function accepted(outgoing: http.ClientRequest, request: UpgradeRequest, client: Duplex): Promise<void> {
  const { pool } = request.endpoint;
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => outgoing.destroy(new Error("connect timeout")), request.connectTimeoutMs);
    const abandon = (): void => {
      outgoing.destroy(new Error("the client is gone"));
    };
    client.once("close", abandon);
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(late);
      client.off("close", abandon);
      return true;
    };
    outgoing.once("socket", (socket) => {
      socket.once("connect", () => {
        if (!settle()) return;
        pool.onConnected();
        resolve();
      });
    });
    outgoing.once("error", (error) => {
      if (!settle()) return;
      if (!client.destroyed) pool.onConnectFailed();
      reject(error);
    });
  });
}

/** The endpoint's head as it goes to the client. What an agent says to the next goes no further. */
function renderHead(response: http.IncomingMessage, edit: HeaderEdit | null, connection: string): string {
  const { rawHeaders } = response;
  let text = `HTTP/1.1 ${response.statusCode} ${response.statusMessage}\r\n`;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const lowerCaseName = name.toLowerCase();
    const hopByHop =
      lowerCaseName === "connection" || lowerCaseName === "keep-alive" || lowerCaseName === "transfer-encoding";
    if (hopByHop || lowerCaseName === replayHeader || edit?.drop.includes(lowerCaseName) === true) continue;
    text += `${name}: ${rawHeaders[index + 1]}\r\n`;
  }
  return `${text}${edit?.append ?? ""}Connection: ${connection}\r\n\r\n`;
}

/** The header lines of a rendered head as name, value, name, value. */
function headerPairs(text: string): string[] {
  return text
    .split("\r\n")
    .slice(1)
    .filter((line) => line !== "")
    .flatMap((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
}
