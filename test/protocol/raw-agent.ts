// An agent that does only what a test tells it to, over a real socket: the fluent client of the protocol tests.
import { credentials, Metadata, status, type ClientDuplexStream, type ServiceError } from "@grpc/grpc-js";
import { DiscoveryClientConstructor, protocolVersion, type AgentMessageInput } from "../../proto/discovery.ts";
import type { DiscoveryResponse, ResourceType } from "../../proto/messages.ts";

const deadlineMs = 5000;

export interface RawAgentOptions {
  readonly mode?: "SIDECAR" | "GATEWAY";
  readonly namespace?: string;
  readonly pod?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly subscriptions?: readonly string[];
  readonly known?: Readonly<Record<string, string>>;
  readonly protocolVersion?: string;
  /** PEM bundle: connects over TLS. */
  readonly ca?: string;
  /** What the server's certificate must name; "localhost" unless said. */
  readonly serverName?: string;
  /** Sent as the stream's authorization, as it is. */
  readonly authorization?: string;
}

let agentCount = 0;

export class RawAgent {
  readonly id = `raw-${(agentCount += 1)}`;
  readonly #client: InstanceType<typeof DiscoveryClientConstructor>;
  readonly #stream: ClientDuplexStream<AgentMessageInput, DiscoveryResponse>;
  readonly #responses: DiscoveryResponse[] = [];
  #ended: { code: status; details: string } | null = null;
  #wake: () => void = () => {};
  readonly #port: number;
  #barrierCount = 0;

  /** Opens the stream and says nothing. */
  constructor(port: number, { ca, serverName = "localhost", authorization }: RawAgentOptions = {}) {
    this.#port = port;
    const channel = ca === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(ca));
    const metadata = new Metadata();
    if (authorization !== undefined) metadata.set("authorization", authorization);
    this.#client = new DiscoveryClientConstructor(`127.0.0.1:${port}`, channel, {
      ...(ca !== undefined && { "grpc.ssl_target_name_override": serverName }),
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_http_proxy": 0,
    });
    this.#stream = this.#client.stream(metadata);
    this.#stream.on("data", (response: DiscoveryResponse) => {
      this.#responses.push(response);
      this.#wake();
    });
    this.#stream.on("error", (error: ServiceError) => {
      this.#ended = { code: error.code, details: error.details };
      this.#wake();
    });
    this.#stream.on("end", () => {
      this.#ended ??= { code: status.OK, details: "" };
      this.#wake();
    });
  }

  /** Opens the stream and says Hello. */
  static connect(port: number, options: RawAgentOptions = {}): RawAgent {
    const agent = new RawAgent(port, options);
    agent.hello(options);
    return agent;
  }

  hello(options: RawAgentOptions = {}): this {
    return this.send({
      hello: {
        node: {
          id: this.id,
          namespace: options.namespace ?? "shop",
          pod: options.pod ?? "client",
          labels: options.labels ?? {},
          mode: options.mode ?? "SIDECAR",
          agentVersion: "test",
        },
        subscriptions: [...(options.subscriptions ?? [])],
        knownResources: Object.entries(options.known ?? {}).map(([key, version]) => ({ ...nameOf(key), version })),
        protocolVersion: options.protocolVersion ?? protocolVersion,
      },
    });
  }

  send(message: AgentMessageInput): this {
    this.#stream.write(message);
    return this;
  }

  subscribe(...names: readonly string[]): this {
    return this.send({ subscribe: { add: [...names], remove: [] } });
  }

  unsubscribe(...names: readonly string[]): this {
    return this.send({ subscribe: { add: [], remove: [...names] } });
  }

  ack(response: DiscoveryResponse): this {
    return this.send({ acknowledge: { nonce: response.nonce, errors: [] } });
  }

  /** Refuses the response; `keys` are "TYPE/name" of what is faulty. */
  nack(response: DiscoveryResponse, ...keys: readonly string[]): this {
    const errors = keys.map((key) => ({ ...nameOf(key), version: "", reason: "refused by the test" }));
    return this.send({ acknowledge: { nonce: response.nonce, errors } });
  }

  /** The next response, unanswered. */
  async response(): Promise<DiscoveryResponse> {
    await this.#until(() => this.#responses.length > 0 || this.#ended !== null, "a response");
    const response = this.#responses.shift();
    if (response === undefined) throw new Error(`the stream ended: ${JSON.stringify(this.#ended)}`);
    return response;
  }

  /** The next response, acknowledged. */
  async expectAck(): Promise<DiscoveryResponse> {
    const response = await this.response();
    this.ack(response);
    return response;
  }

  /** The next response, refused for `keys`. */
  async expectNack(...keys: readonly string[]): Promise<DiscoveryResponse> {
    const response = await this.response();
    this.nack(response, ...keys);
    return response;
  }

  /** Subscribes, and acknowledges the response. */
  requestAck(...names: readonly string[]): Promise<DiscoveryResponse> {
    return this.subscribe(...names).expectAck();
  }

  /** Subscribes to `name`, and refuses the response for `keys`. */
  requestNack(name: string, ...keys: readonly string[]): Promise<DiscoveryResponse> {
    return this.subscribe(name).expectNack(...keys);
  }

  /**
   * Nothing comes: everything that the server had to write when this was called is here, and it is nothing. Another
   * agent's complete round trip, twice, is the proof; it does not wait for time to pass.
   */
  async expectSilence(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const other = RawAgent.connect(this.#port, {
        subscriptions: [`frontend:barrier-${(this.#barrierCount += 1)}:1`],
      });
      await other.expectAck();
      other.close();
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (this.#responses.length > 0)
      throw new Error(`expected silence, got ${describe(this.#responses[0]!).join(", ")}`);
    if (this.#ended !== null) throw new Error(`expected silence, the stream ended: ${JSON.stringify(this.#ended)}`);
  }

  /** The stream ends; what with. */
  async end(): Promise<{ readonly code: status; readonly details: string }> {
    await this.#until(() => this.#ended !== null, "the end of the stream");
    return this.#ended!;
  }

  get hasEnded(): boolean {
    return this.#ended !== null;
  }

  /** Stops reading: from here on the server's writes meet a full window. */
  stopReading(): void {
    this.#stream.pause();
  }

  resumeReading(): void {
    this.#stream.resume();
  }

  /** Closes the sending side in order. */
  halfClose(): void {
    this.#stream.end();
  }

  close(): void {
    this.#stream.on("error", () => {});
    this.#stream.cancel();
    this.#client.close();
  }

  async #until(isDone: () => boolean, what: string): Promise<void> {
    const giveUpAtMs = performance.now() + deadlineMs;
    while (!isDone()) {
      const leftMs = giveUpAtMs - performance.now();
      if (leftMs <= 0) throw new Error(`${this.id} waited ${deadlineMs} ms for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function nameOf(key: string): { type: ResourceType; name: string } {
  const slash = key.indexOf("/");
  return { type: key.slice(0, slash) as ResourceType, name: key.slice(slash + 1) };
}

/** A response in one sorted line per thing, for comparing and for reading. */
export function describe(response: DiscoveryResponse): readonly string[] {
  return [
    ...response.resources.map((resource) => `+${resource.type}/${resource.name}`),
    ...response.removedResources.map((resource) => `-${resource.type}/${resource.name}`),
    ...response.answers.map((answer) => `${answer.subscription} ${answer.state}`),
  ].sort();
}

/** "TYPE/name" -> version of what the responses brought, less what they removed: a Hello's known resources. */
export function knownAfter(...responses: readonly DiscoveryResponse[]): Readonly<Record<string, string>> {
  const known: Record<string, string> = {};
  for (const response of responses) {
    for (const resource of response.resources) known[`${resource.type}/${resource.name}`] = resource.version;
    for (const resource of response.removedResources) delete known[`${resource.type}/${resource.name}`];
  }
  return known;
}
