// Options for calls of the Kubernetes client: a signal that ends the call, and connections that are kept between calls.
// The client on its own opens a TLS connection for every request. Owns the connections; what is called is the caller's.
import { type ConfigurationOptions, Observable, type RequestContext } from "@kubernetes/client-node";

type Dispatcher = NonNullable<ReturnType<RequestContext["getDispatcher"]>>;

/** Connections are made anew after this time, so that renewed certificates and authorities come into use. */
const maxAgeMs = 60_000;

/** Keep one per component that calls often. */
export class ApiConnections {
  readonly #nowMs: () => number;
  #kept: { readonly dispatcher: Dispatcher; readonly untilMs: number } | null = null;

  /** `nowMs` is a clock that only ever grows. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** For one call, as its last argument. The call rejects when the signal aborts. */
  options(signal: AbortSignal): ConfigurationOptions {
    return {
      middleware: [
        {
          pre: (request) => {
            request.setSignal(signal);
            const made = request.getDispatcher();
            if (made !== undefined) request.setDispatcher(this.#keep(made));
            return new Observable(Promise.resolve(request));
          },
          post: (response) => new Observable(Promise.resolve(response)),
        },
      ],
      middlewareMergeStrategy: "append",
    };
  }

  /** Ends idle connections at once and others with their calls. */
  close(): void {
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null) void kept.dispatcher.close().catch(() => undefined);
  }

  /** The client made one for this call, with the credentials of now; it opens nothing unless it is used. */
  #keep(made: Dispatcher): Dispatcher {
    const now = this.#nowMs();
    if (this.#kept !== null && now < this.#kept.untilMs) return this.#kept.dispatcher;
    this.close();
    this.#kept = { dispatcher: made, untilMs: now + maxAgeMs };
    return made;
  }
}
