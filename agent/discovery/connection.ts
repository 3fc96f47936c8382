// One attempt to speak with one control plane: a connection, a stream on it, and its end, which is told exactly once.
// Every attempt has a connection of its own, so that gRPC's reconnecting never interferes with the client's.
import {
  connectivityState,
  status,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServiceError,
} from "@grpc/grpc-js";
import { DiscoveryClientConstructor, type AgentMessageInput, type DiscoveryClient } from "../../proto/discovery.ts";
import type { DiscoveryResponse } from "../../proto/messages.ts";
import type { Clock } from "./clock.ts";

/** Why an attempt is over. */
export interface ConnectionEnd {
  readonly code: status;
  readonly details: string;
}

export interface ConnectionOptions {
  readonly address: string;
  readonly credentials: ChannelCredentials;
  readonly clock: Clock;
  /** An attempt without a connection for this long is given up: behind the address may be one that is gone. */
  readonly connectTimeoutMs: number;
  /** An attempt without any response for this long is given up. */
  readonly firstResponseTimeoutMs: number;
  readonly keepalive: { readonly timeMs: number; readonly timeoutMs: number };
  readonly onResponse: (response: DiscoveryResponse) => void;
  /** Once; never after close(). */
  readonly onEnd: (end: ConnectionEnd) => void;
}

/** A response holds everything a gateway needs when it starts: thousands of routes. */
const maxResponseBytes = 256 * 1024 * 1024;

export class DiscoveryConnection {
  readonly #client: DiscoveryClient;
  readonly #stream: ClientDuplexStream<AgentMessageInput, DiscoveryResponse>;
  readonly #options: ConnectionOptions;
  readonly #cancelTimers: () => void;
  #isOver = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#client = new DiscoveryClientConstructor(options.address, options.credentials, {
      "grpc.keepalive_time_ms": options.keepalive.timeMs,
      "grpc.keepalive_timeout_ms": options.keepalive.timeoutMs,
      "grpc.max_receive_message_length": maxResponseBytes,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_retries": 0,
      // A mesh sets http_proxy for applications; the agent's own stream must not follow it.
      "grpc.enable_http_proxy": 0,
    });
    this.#stream = this.#client.stream();
    this.#stream.on("data", (response: DiscoveryResponse) => {
      if (this.#isOver) return;
      this.#cancelTimers();
      options.onResponse(response);
    });
    this.#stream.on("error", (error: ServiceError) => this.#finish({ code: error.code, details: error.details }));
    this.#stream.on("end", () => this.#finish({ code: status.OK, details: "the control plane ended the stream" }));
    const { clock, connectTimeoutMs, firstResponseTimeoutMs } = options;
    const cancels = [
      clock.schedule(connectTimeoutMs, () => {
        if (this.#client.getChannel().getConnectivityState(false) === connectivityState.READY) return;
        this.#finish({ code: status.UNAVAILABLE, details: `no connection for ${connectTimeoutMs} ms` });
      }),
      clock.schedule(firstResponseTimeoutMs, () => {
        this.#finish({ code: status.DEADLINE_EXCEEDED, details: `no response for ${firstResponseTimeoutMs} ms` });
      }),
    ];
    this.#cancelTimers = () => cancels.forEach((cancel) => cancel());
  }

  /** Whether what can wait may be sent now: the attempt is not over, and what was sent before is on its way. */
  get takesMore(): boolean {
    return !this.#isOver && !this.#stream.writableNeedDrain;
  }

  send(message: AgentMessageInput): void {
    if (!this.#isOver) this.#stream.write(message);
  }

  /** Ends the attempt without telling. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelTimers();
    this.#stream.cancel();
    this.#client.close();
  }

  #finish(end: ConnectionEnd): void {
    if (this.#isOver) return;
    this.close();
    this.#options.onEnd(end);
  }
}
