// Jaeger's query API as a test asks it: services, and traces by service and tag. See manifests/traces.
import { send } from "./http-client.ts";
import { reachService, type Way } from "./reach.ts";
import { waitFor } from "./wait-for.ts";

const namespace = "heddle-traces";
const queryPort = 16_686;

export interface JaegerSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Null for a root, and for a span whose parent is of another trace. */
  readonly parentSpanId: string | null;
  readonly linkedSpanIds: readonly string[];
  readonly name: string;
  readonly service: string;
  /** "server", "client". */
  readonly kind: string;
  /** Microseconds since 1970. */
  readonly startedUs: number;
  readonly durationUs: number;
  readonly tags: Readonly<Record<string, unknown>>;
  /** Attributes of the resource. */
  readonly processTags: Readonly<Record<string, unknown>>;
}

interface Tag {
  readonly key: string;
  readonly value: unknown;
}

interface RawTrace {
  readonly traceID: string;
  readonly processes: Readonly<Record<string, { readonly serviceName: string; readonly tags?: readonly Tag[] }>>;
  readonly spans: readonly {
    readonly traceID: string;
    readonly spanID: string;
    readonly operationName: string;
    readonly processID: string;
    readonly startTime: number;
    readonly duration: number;
    readonly references?: readonly { readonly refType: string; readonly traceID: string; readonly spanID: string }[];
    readonly tags?: readonly Tag[];
  }[];
}

export class Jaeger {
  readonly #way: Way;

  private constructor(way: Way) {
    this.#way = way;
  }

  /** The caller closes it. */
  static async open(): Promise<Jaeger> {
    return new Jaeger(await reachService(namespace, "jaeger", queryPort));
  }

  close(): Promise<void> {
    return this.#way.close();
  }

  services(): Promise<readonly string[]> {
    return this.#get<readonly string[]>("/api/services");
  }

  /** Spans of a service's latest traces with all of these tags on one span, by trace. */
  async traces(service: string, tags: Readonly<Record<string, string>> = {}, limit = 20): Promise<JaegerSpan[][]> {
    const query = new URLSearchParams({ service, limit: String(limit), lookback: "1h" });
    if (Object.keys(tags).length > 0) query.set("tags", JSON.stringify(tags));
    return (await this.#get<readonly RawTrace[]>(`/api/traces?${query.toString()}`)).map(readTrace);
  }

  /** The spans of one trace; none while it is unknown. */
  async trace(traceId: string): Promise<JaegerSpan[]> {
    const { status, body } = await send(this.#way, `/api/traces/${traceId}`);
    if (status === 404) return [];
    return (JSON.parse(body) as { data: readonly RawTrace[] }).data.flatMap(readTrace);
  }

  /** Waits until a trace of the service with these tags `holds`: agents send spans in batches. */
  untilTrace(
    service: string,
    tags: Readonly<Record<string, string>>,
    holds: (spans: readonly JaegerSpan[]) => boolean,
  ): Promise<JaegerSpan[]> {
    return waitFor(
      `a trace of ${service} with ${JSON.stringify(tags)}`,
      async () => (await this.traces(service, tags)).find(holds),
      { pollMs: 250 },
    );
  }

  async #get<T>(path: string): Promise<T> {
    const { status, body } = await send(this.#way, path);
    if (status !== 200) throw new Error(`Jaeger answered ${status} to ${path}: ${body}`);
    return (JSON.parse(body) as { data: T }).data;
  }
}

function readTrace({ spans, processes }: RawTrace): JaegerSpan[] {
  return spans.map((span) => {
    const references = span.references ?? [];
    // A span that is linked to its parent too has one reference in Jaeger, and that is called FOLLOWS_FROM.
    const ofTrace = references.filter(({ traceID }) => traceID === span.traceID);
    const parent = ofTrace.find(({ refType }) => refType === "CHILD_OF") ?? ofTrace[0];
    const process = processes[span.processID];
    const tags = toRecord(span.tags);
    return {
      traceId: span.traceID,
      spanId: span.spanID,
      parentSpanId: parent?.spanID ?? null,
      linkedSpanIds: references.filter(({ refType }) => refType === "FOLLOWS_FROM").map(({ spanID }) => spanID),
      name: span.operationName,
      service: process?.serviceName ?? "",
      kind: typeof tags["span.kind"] === "string" ? tags["span.kind"] : "",
      startedUs: span.startTime,
      durationUs: span.duration,
      tags,
      processTags: toRecord(process?.tags),
    };
  });
}

function toRecord(tags: readonly Tag[] = []): Record<string, unknown> {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}
