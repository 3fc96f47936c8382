// A trace collector inside the demo: takes OTLP over HTTP (application/x-protobuf) as Jaeger or any other would, and
// keeps of each span what the demo shows. Field numbers are those of opentelemetry-proto's trace.proto and common.proto.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { bytesOf, numberOf, readFields, textOf } from "./protobuf-reader.ts";

export interface DemoSpan {
  readonly traceId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: "server" | "client" | "other";
  readonly service: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

export interface Collector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  /** In order of arrival. */
  readonly spans: readonly DemoSpan[];
  close(): Promise<void>;
}

const maxBodyBytes = 16 * 1024 * 1024;
const kinds: Readonly<Record<number, DemoSpan["kind"]>> = { 2: "server", 3: "client" };

export async function startCollector(): Promise<Collector> {
  const spans: DemoSpan[] = [];
  const server: Server = createServer((request, response) => {
    const finish = (status: number): void => {
      response.writeHead(status, { "content-type": "application/x-protobuf" });
      response.end();
    };
    readBody(request).then(
      (body) => {
        spans.push(...readSpans(body));
        finish(200);
      },
      () => finish(400),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) {
      throw new RangeError("the export is too large");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** ExportTraceServiceRequest -> spans. */
function readSpans(body: Uint8Array): readonly DemoSpan[] {
  return bytesOf(readFields(body), 1).flatMap((resourceSpans) => {
    const fields = readFields(resourceSpans);
    const [resource] = bytesOf(fields, 1);
    const attributes = resource === undefined ? {} : readAttributes(bytesOf(readFields(resource), 1));
    const service = String(attributes["service.name"] ?? "");
    return bytesOf(fields, 2).flatMap((scopeSpans) =>
      bytesOf(readFields(scopeSpans), 2).map((span) => readSpan(span, service)),
    );
  });
}

function readSpan(bytes: Uint8Array, service: string): DemoSpan {
  const fields = readFields(bytes);
  const hex = (number: number): string => Buffer.from(bytesOf(fields, number)[0] ?? []).toString("hex");
  return {
    traceId: hex(1),
    parentSpanId: hex(4),
    name: textOf(fields, 5),
    kind: kinds[numberOf(fields, 6)] ?? "other",
    service,
    attributes: readAttributes(bytesOf(fields, 9)),
  };
}

function readAttributes(keyValues: readonly Uint8Array[]): DemoSpan["attributes"] {
  const attributes: Record<string, string | number | boolean> = {};
  for (const keyValue of keyValues) {
    const fields = readFields(keyValue);
    const value = readFields(bytesOf(fields, 2)[0] ?? new Uint8Array())[0];
    if (value !== undefined) {
      attributes[textOf(fields, 1)] =
        typeof value.value !== "number"
          ? new TextDecoder().decode(value.value)
          : value.number === 2
            ? value.value === 1
            : value.value;
    }
  }
  return attributes;
}
