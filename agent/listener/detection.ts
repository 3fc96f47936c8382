// The first reader of an accepted connection: keeps what comes until it is clear what the client speaks and what the
// connection is for, then hands both over. What bytes mean is protocol-detection.ts's; whom they go to is the listener's.
//
//   undecided --decide()--> detecting --protocol clear--> handed over
//   undecided --end--> undecided: its destination may be a server that talks first
//   detecting --silence, nothing said--> listening: the destination is dialled, and whoever speaks first decides
//   detecting, listening --silence after a few letters--> handed over as opaque
//   listening --protocol clear--> handed over; --serverSpoke(), or a while after serverFailed()--> handed over as opaque
//   detecting, listening --end--> handed over as opaque where the server may talk first, else abandoned
//   undecided, detecting --deadline--> abandoned
import type { ByteReader, ByteStream } from "../transport/byte-stream.ts";
import type { Deadlined } from "../transport/deadlines.ts";
import type { DetectedProtocol } from "./protocol-detection.ts";
import { detectProtocol } from "./protocol-detection.ts";

/**
 * Silence after which a client may be waiting for the server. Between two injected pods it passes twice, and people notice
 * from 200 ms; a client that was only slow costs a dial in vain.
 */
const silenceMs = 50;

/** How long a client may still turn out to speak HTTP, whose routes lead elsewhere, when its destination cannot be reached. */
const failureGraceMs = 1000;

/** What a client may send before it is known where its connection belongs. */
const maxUndecidedBytes = 64 * 1024;

export interface DetectionOwner<Purpose> {
  /** Takes the stream over, with the bytes that have come. False stops reading. Comes at most once. */
  onDetected(protocol: DetectedProtocol, bytes: Buffer, purpose: Purpose): boolean;
  /** The client says nothing: it is time to hear whether the server does, and to tell by `serverSpoke()`. At most once. */
  onSilence(purpose: Purpose): void;
  /** The connection is gone before or, if nobody else reads it since, after it was handed over. */
  onGone(): void;
}

/** What detection must know of a connection's purpose. */
export interface Detectable {
  /** The client may be waiting for the server's first word. */
  readonly serverMayTalkFirst: boolean;
  /** Nothing is looked at: the connection is opaque from its first byte. */
  readonly relayAll?: boolean;
}

export class Detection<Purpose extends Detectable> implements ByteReader, Deadlined {
  deadlineMs: number;
  /** Set right after construction: a stream needs its reader first. */
  stream: ByteStream | null = null;
  readonly #owner: DetectionOwner<Purpose>;
  #purpose: Purpose | null = null;
  #bytes: Buffer = nothing;
  #silence: NodeJS.Timeout | null = null;
  #handedOver = false;
  #listening = false;
  /** The client ended before the purpose was known. */
  #ended = false;

  constructor(owner: DetectionOwner<Purpose>, deadlineMs: number) {
    this.#owner = owner;
    this.deadlineMs = deadlineMs;
  }

  /** The connection's purpose is known; at once or later. */
  decide(purpose: Purpose): void {
    this.#purpose = purpose;
    if (purpose.relayAll === true || this.#bytes.length > 0) {
      const reading = purpose.relayAll === true ? this.#handOver("opaque") : this.#judge();
      if (reading) this.stream?.resume();
      else this.stream?.pause();
    }
    if (this.#ended) {
      this.#passOnEnd(purpose);
    } else if (!this.#handedOver && purpose.serverMayTalkFirst) {
      this.#awaitSilence(purpose);
    }
  }

  /** The destination had the first word, or its last: the connection is opaque. */
  serverSpoke(): void {
    this.#handOver("opaque");
  }

  /** The destination cannot be reached. */
  serverFailed(): void {
    if (this.#handedOver || this.#silence !== null) return;
    this.#silence = setTimeout(() => this.#handOver("opaque"), failureGraceMs);
  }

  #awaitSilence(purpose: Purpose): void {
    this.#silence = setTimeout(() => {
      this.#silence = null;
      if (this.#bytes.length > 0) {
        this.#handOver("opaque");
        return;
      }
      // From here the connection lasts as long as its two ends want.
      this.deadlineMs = Infinity;
      this.#listening = true;
      this.#owner.onSilence(purpose);
    }, silenceMs);
  }

  onBytes(bytes: Buffer, start: number, end: number): boolean {
    if (this.#handedOver) return true;
    const fresh = bytes.subarray(start, end);
    if (this.#purpose === null) {
      this.#bytes = Buffer.concat([this.#bytes, fresh]);
      return this.#bytes.length < maxUndecidedBytes;
    }
    // The usual case needs no copy: what came first says it all.
    const whole = this.#bytes.length === 0 ? fresh : Buffer.concat([this.#bytes, fresh]);
    const protocol = detectProtocol(whole, 0, whole.length);
    this.#bytes = protocol === null && whole === fresh ? Buffer.from(fresh) : whole;
    if (protocol !== null) return this.#handOver(protocol);
    if (this.#listening && this.#silence === null) this.#awaitSilence(this.#purpose);
    return true;
  }

  #judge(): boolean {
    const protocol = detectProtocol(this.#bytes, 0, this.#bytes.length);
    return protocol === null || this.#handOver(protocol);
  }

  #handOver(protocol: DetectedProtocol): boolean {
    if (this.#silence !== null) clearTimeout(this.#silence);
    if (this.#purpose === null || this.#handedOver) return true;
    this.#handedOver = true;
    this.deadlineMs = Infinity;
    const bytes = this.#bytes;
    this.#bytes = nothing;
    return this.#owner.onDetected(protocol, bytes, this.#purpose);
  }

  onDeadline(): void {
    this.stream?.destroy();
  }

  onEnd(): void {
    if (this.#purpose === null) this.#ended = true;
    else this.#passOnEnd(this.#purpose);
  }

  /** Whoever ends before saying what it speaks wants nothing, unless the server has the first word. */
  #passOnEnd(purpose: Purpose): void {
    if (!this.#handedOver) {
      if (!purpose.serverMayTalkFirst) return this.stream?.destroy();
      this.#handOver("opaque");
    }
    const reader = this.stream?.reader;
    // Who was refused has no reader but this one, and its end is the end.
    if (reader === this) this.stream?.destroy();
    else reader?.onEnd();
  }

  onDrain(): void {
    // Nothing is written while detecting.
  }

  onClose(): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#handedOver = true;
    this.#owner.onGone();
  }
}

const nothing = Buffer.alloc(0);
