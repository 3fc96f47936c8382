// How long a client may take, by what is awaited of it. Owns one deadline and the rules by which it is set; what happens
// when it passes is the connection's. Time runs only while it is the client's turn.
import type { DownstreamOptions } from "./downstream-options.ts";

/** For what serves nobody any more: the rest of a body, the client's close. */
const lingerTimeoutMs = 2000;

export class ClientDeadline {
  /** In the clock's milliseconds; Infinity while nothing is awaited of the client. */
  atMs: number;
  readonly #options: DownstreamOptions;
  #headBegan = false;
  /** The handler takes no more of the body for now. */
  #paused = false;
  /** The client keeps its body back until it is answered something (RFC 9110 section 10.1.1). */
  #holdsBack = false;

  constructor(options: DownstreamOptions) {
    this.#options = options;
    this.atMs = options.now() + options.headTimeoutMs;
  }

  none(): void {
    this.atMs = Infinity;
  }

  /** A head has begun; counts from its first byte, however often this is called. */
  awaitHead(): void {
    if (this.#headBegan) return;
    this.#headBegan = true;
    this.atMs = this.#options.now() + this.#options.headTimeoutMs;
  }

  /** The next request; before it, while `congested`, what waits for the client must be taken. */
  awaitRequest(congested: boolean): void {
    const { now, idleTimeoutMs, stallTimeoutMs } = this.#options;
    this.atMs = now() + (congested ? stallTimeoutMs : idleTimeoutMs);
  }

  /** A head is over; `complete`: no body is to come; `holdsBack`: the client may want to be told before it sends one. */
  beginBody(complete: boolean, holdsBack: boolean): void {
    this.#headBegan = this.#paused = false;
    this.#holdsBack = holdsBack;
    this.awaitBody(complete, false);
  }

  /** Something has come, or was taken, while a body was under way. */
  awaitBody(complete: boolean, congested: boolean): void {
    if ((complete || this.#paused || this.#holdsBack) && !congested) this.atMs = Infinity;
    else this.awaitProgress();
  }

  /** A part of the body has come. */
  continueBody(complete: boolean, congested: boolean): void {
    this.#holdsBack = false;
    this.awaitBody(complete, congested);
  }

  /** The handler takes no more of a body, or takes it again. */
  pauseBody(paused: boolean, congested: boolean): void {
    this.#paused = paused;
    this.awaitBody(false, congested);
  }

  /** The client has been told something before its body was complete. */
  answered(): void {
    this.continueBody(false, false);
  }

  /** The rest of a body that nobody wants. */
  awaitRest(): void {
    this.#paused = false;
    this.atMs = this.#options.now() + lingerTimeoutMs;
  }

  /** The client has time to take what waits for it, then a little more to close. */
  awaitClose(pendingBytes: number): void {
    const { now, stallTimeoutMs } = this.#options;
    this.atMs = now() + (pendingBytes > 0 ? stallTimeoutMs : lingerTimeoutMs);
  }

  /** That something moves: that a body goes on, or that what is written is taken. */
  awaitProgress(): void {
    this.atMs = this.#options.now() + this.#options.stallTimeoutMs;
  }
}
