// A stream that sends any bytes as messages: for what no well-behaved client could send.
import { Client, credentials, status, type ClientDuplexStream, type ServiceError } from "@grpc/grpc-js";
import { decodeDiscoveryResponse, discoveryService } from "../../proto/discovery.ts";
import type { DiscoveryResponse } from "../../proto/messages.ts";

export class RawByteStream {
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<Buffer, DiscoveryResponse>;
  readonly #end: Promise<{ readonly code: status; readonly details: string }>;

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_http_proxy": 0,
    });
    this.#stream = this.#client.makeBidiStreamRequest(
      discoveryService.Stream.path,
      (bytes: Buffer) => bytes,
      decodeDiscoveryResponse,
    );
    this.#stream.on("data", () => {});
    this.#end = new Promise((resolve) => {
      this.#stream.on("error", ({ code, details }: ServiceError) => resolve({ code, details }));
      this.#stream.on("end", () => resolve({ code: status.OK, details: "" }));
    });
  }

  send(bytes: Buffer): this {
    this.#stream.write(bytes);
    return this;
  }

  halfClose(): this {
    this.#stream.end();
    return this;
  }

  end(): Promise<{ readonly code: status; readonly details: string }> {
    return this.#end;
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }
}
