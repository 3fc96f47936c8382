// A control plane that says only what a test tells it to, on a real socket: the other end for the agent's rows.
import { Server, ServerCredentials, type status, type ServerDuplexStream } from "@grpc/grpc-js";
import { discoveryService, type DiscoveryResponseInput } from "../../proto/discovery.ts";
import type { AgentMessage, Hello } from "../../proto/messages.ts";
import { until } from "./fixture.ts";

type Call = ServerDuplexStream<AgentMessage, DiscoveryResponseInput>;

/** One accepted stream. */
export class ScriptedStream {
  readonly #call: Call;
  readonly #messages: AgentMessage[] = [];
  isCancelled = false;

  constructor(call: Call) {
    this.#call = call;
    call.on("data", (message: AgentMessage) => this.#messages.push(message));
    call.on("cancelled", () => (this.isCancelled = true));
    call.on("end", () => call.end());
  }

  /** Takes nothing more from the agent, until it is told otherwise. */
  stopReading(): void {
    this.#call.pause();
  }

  readOn(): void {
    this.#call.resume();
  }

  get unread(): number {
    return this.#messages.length;
  }

  async message(): Promise<AgentMessage> {
    await until(() => this.#messages.length > 0, "a message of the agent");
    return this.#messages.shift()!;
  }

  async hello(): Promise<Hello> {
    const { hello } = await this.message();
    if (!hello) throw new Error("expected Hello");
    return hello;
  }

  respond(response: DiscoveryResponseInput): this {
    this.#call.write({ generation: "other.1", nonce: "1", ...response });
    return this;
  }

  end(code: status, details = "ended by the test"): void {
    this.#call.emit("error", Object.assign(new Error(details), { code, details }));
  }
}

export class ScriptedControlPlane {
  readonly #server = new Server();
  readonly #streams: ScriptedStream[] = [];
  #taken = 0;
  port = 0;

  static async start(): Promise<ScriptedControlPlane> {
    const controlPlane = new ScriptedControlPlane();
    controlPlane.#server.addService(discoveryService, {
      Stream: (call: Call) => controlPlane.#streams.push(new ScriptedStream(call)),
    });
    controlPlane.port = await new Promise((resolve, reject) => {
      controlPlane.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return controlPlane;
  }

  get streamCount(): number {
    return this.#streams.length;
  }

  /** The next stream that an agent opens. */
  async stream(): Promise<ScriptedStream> {
    const index = this.#taken++;
    await until(() => this.#streams.length > index, "a stream");
    return this.#streams[index]!;
  }

  close(): void {
    this.#server.forceShutdown();
  }
}
