// Says when a local process is ready: the pod's readinessProbe (httpGet or tcpSocket) with the timings of the
// Kubernetes API, or, without one, the first time PORT accepts a connection. Every probe port means PORT.
//
//   unready --successThreshold successes in a row--> ready --failureThreshold failures in a row--> unready
import { request } from "node:http";
import { connect } from "node:net";
import type { Probe } from "../../../control-plane/source/cluster-state.ts";

export interface ReadinessOptions {
  /** Undefined: ready from the first accepted connection on. */
  readonly probe: Probe | undefined;
  readonly port: number;
  onChange(ready: boolean): void;
}

const acceptPollMs = 50;
const acceptTimeoutMs = 1000;

export class Readiness {
  readonly #options: ReadinessOptions;
  #timer: NodeJS.Timeout | undefined;
  #ready = false;
  #inARow = 0;
  #closed = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
    this.#schedule((options.probe?.initialDelaySeconds ?? 0) * 1000);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#round(), delayMs);
  }

  async #round(): Promise<void> {
    const { probe, port } = this.#options;
    const passed = await runProbe(probe, port);
    if (this.#closed) {
      return;
    }
    if (probe === undefined) {
      if (passed) {
        this.#become(true);
      } else {
        this.#schedule(acceptPollMs);
      }
      return;
    }
    this.#inARow = passed === this.#ready ? 0 : this.#inARow + 1;
    const threshold = this.#ready ? probe.failureThreshold : probe.successThreshold;
    if (this.#inARow >= threshold) {
      this.#become(passed);
    }
    this.#schedule(probe.periodSeconds * 1000);
  }

  #become(ready: boolean): void {
    this.#inARow = 0;
    this.#ready = ready;
    this.#options.onChange(ready);
  }
}

/** One attempt. httpGet passes with a status from 200 to 399; anything else that answers in time does not. */
export async function runProbe(probe: Probe | undefined, port: number): Promise<boolean> {
  const timeoutMs = probe === undefined ? acceptTimeoutMs : probe.timeoutSeconds * 1000;
  return probe?.httpGet === undefined ? accepts(port, timeoutMs) : answers(probe.httpGet, port, timeoutMs);
}

function accepts(port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const finish = (passed: boolean): void => {
      socket.destroy();
      resolve(passed);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}

function answers(httpGet: NonNullable<Probe["httpGet"]>, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = Object.fromEntries(httpGet.headers.map(({ name, value }) => [name, value]));
    const probe = request({ host: "127.0.0.1", port, path: httpGet.path, headers, agent: false, timeout: timeoutMs });
    const deadline = setTimeout(() => probe.destroy(), timeoutMs);
    const finish = (passed: boolean): void => {
      clearTimeout(deadline);
      probe.destroy();
      resolve(passed);
    };
    probe.once("response", (response) => {
      const status = response.statusCode ?? 0;
      response.once("error", () => {});
      finish(status >= 200 && status < 400);
    });
    probe.once("error", () => finish(false));
    probe.once("close", () => finish(false));
    probe.end();
  });
}
