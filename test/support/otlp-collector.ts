// A trace collector for tests: a real gRPC or HTTP server that takes OTLP, decodes it and keeps the spans. Also the
// collectors nobody wants: one that takes connections and never answers, one that answers rubbish, one that refuses.
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: string;
  /** Epoch milliseconds with a fraction. */
  readonly startTimeMs: number;
  readonly endTimeMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { name: string; timeMs: number; attributes: Readonly<Record<string, unknown>> }[];
  readonly links: readonly { traceId: string; spanId: string }[];
  readonly status: { readonly code: string; readonly message: string };
  /** Trace flags of the span, and whether its parent was remote (bits 8 and 9). */
  readonly flags: number;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: { readonly name: string; readonly version: string };
}

export interface OtlpCollector {
  /** What goes into OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly protocol: "grpc" | "http/protobuf";
  /** Every span received, in order. */
  readonly spans: CollectedSpan[];
  /** Export calls or connections so far. */
  requests(): number;
  close(): Promise<void>;
}

interface WireAny {
  readonly value?: string;
  readonly [name: string]: unknown;
}
interface WireAttribute {
  readonly key: string;
  readonly value: WireAny | null;
}
interface WireSpan {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly traceState: string;
  readonly name: string;
  readonly kind: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly WireAttribute[];
  readonly events: readonly {
    readonly name: string;
    readonly timeUnixNano: string;
    readonly attributes: readonly WireAttribute[];
  }[];
  readonly links: readonly { readonly traceId: Buffer; readonly spanId: Buffer }[];
  readonly status: { readonly code: string; readonly message: string } | null;
  readonly flags: number;
}
interface WireRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] } | null;
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version: string } | null;
      readonly spans: readonly WireSpan[];
    }[];
  }[];
}

const service = loadSync(fileURLToPath(new URL("otlp/trace-service.proto", import.meta.url)), {
  longs: String,
  enums: String,
  defaults: true,
  arrays: true,
  oneofs: true,
})["opentelemetry.proto.collector.trace.v1.TraceService"] as unknown as grpc.ServiceDefinition;
const exportMethod = service["Export"]!;

/** A collector that takes what it gets; on a free port, unless one is given to come back to. */
export function startCollector(protocol: "grpc" | "http/protobuf", port = 0): Promise<OtlpCollector> {
  return protocol === "grpc" ? startGrpc(port) : startHttp((body, spans) => answerExport(body, spans), port);
}

/** An HTTP collector that answers every export with this status and body, and keeps nothing. */
export function startHttpCollectorAnswering(status: number, body: string): Promise<OtlpCollector> {
  return startHttp(() => ({ status, body: Buffer.from(body) }));
}

/**
 * A port that speaks no protocol: "silent" reads and never answers, "rubbish" answers bytes that are neither HTTP nor
 * HTTP/2, "closing" ends every connection at once.
 */
export async function startRudeCollector(
  protocol: "grpc" | "http/protobuf",
  manner: "silent" | "rubbish" | "closing",
): Promise<OtlpCollector> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    socket.resume();
    if (manner === "rubbish") {
      socket.write("\u0000\u0001rubbish that is no protocol\r\n\r\n".repeat(200));
    } else if (manner === "closing") {
      socket.destroy();
    }
  });
  const port = await listen(server);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    protocol,
    spans: [],
    requests: () => connections,
    close: () => {
      sockets.forEach((socket) => socket.destroy());
      return closed(server);
    },
  };
}

async function startGrpc(wantedPort: number): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  let requests = 0;
  const server = new grpc.Server();
  server.addService(service, {
    Export: (call: grpc.ServerUnaryCall<WireRequest, object>, done: grpc.sendUnaryData<object>) => {
      requests++;
      spans.push(...decode(call.request));
      done(null, {});
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${wantedPort}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) {
        resolve(bound);
      } else {
        reject(error);
      }
    });
  });
  return {
    endpoint: `http://127.0.0.1:${port}`,
    protocol: "grpc",
    spans,
    requests: () => requests,
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

async function startHttp(
  answer: (body: Buffer, spans: CollectedSpan[]) => { status: number; body: Buffer },
  wantedPort = 0,
): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  let requests = 0;
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests++;
      if (request.method !== "POST" || request.url !== "/v1/traces") {
        response.writeHead(404).end();
        return;
      }
      const { status, body } = answer(Buffer.concat(chunks), spans);
      response.writeHead(status, { "content-type": "application/x-protobuf" }).end(body);
    });
  });
  const port = await listen(server, wantedPort);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    protocol: "http/protobuf",
    spans,
    requests: () => requests,
    close: () => {
      server.closeAllConnections();
      return closed(server);
    },
  };
}

function answerExport(body: Buffer, spans: CollectedSpan[]): { status: number; body: Buffer } {
  try {
    spans.push(...decode(exportMethod.requestDeserialize(body) as WireRequest));
    return { status: 200, body: exportMethod.responseSerialize({}) };
  } catch {
    return { status: 400, body: Buffer.alloc(0) };
  }
}

function decode(request: WireRequest): CollectedSpan[] {
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        traceId: span.traceId.toString("hex"),
        spanId: span.spanId.toString("hex"),
        parentSpanId: span.parentSpanId.toString("hex"),
        traceState: span.traceState,
        name: span.name,
        kind: span.kind,
        startTimeMs: Number(span.startTimeUnixNano) / 1e6,
        endTimeMs: Number(span.endTimeUnixNano) / 1e6,
        attributes: attributes(span.attributes),
        events: span.events.map((event) => ({
          name: event.name,
          timeMs: Number(event.timeUnixNano) / 1e6,
          attributes: attributes(event.attributes),
        })),
        links: span.links.map((link) => ({
          traceId: link.traceId.toString("hex"),
          spanId: link.spanId.toString("hex"),
        })),
        status: { code: span.status?.code ?? "UNSET", message: span.status?.message ?? "" },
        flags: span.flags,
        resource: attributes(resource?.attributes ?? []),
        scope: { name: scope?.name ?? "", version: scope?.version ?? "" },
      })),
    ),
  );
}

function attributes(pairs: readonly WireAttribute[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => {
      const kind = value?.value;
      const content = kind === undefined ? undefined : value?.[kind];
      return [key, kind === "intValue" ? Number(content) : content];
    }),
  );
}

async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
