// One parsed message head: start line and header lines as one latin1 string with offsets into it, plus what they mean.
// A connection owns one per direction and reads into it again and again: everything here is valid until the next parse.
// It is filled by head-parser.ts (text, offsets), request-target.ts (target, authority) and message-framing.ts (framing,
// flags), and written out again by head-writer.ts. Header case, order and duplicates are those of the wire.
import { LOWER } from "./characters.ts";
import { HeaderId } from "./header-names.ts";

/** Columns of `offsets`, HEADER_STRIDE numbers for each header. */
export const HEADER_STRIDE = 5;
export const LINE_START = 0;
export const NAME_END = 1;
export const VALUE_START = 2;
export const VALUE_END = 3;
export const LINE_END = 4;

/**
 * Bits of `flags`, one octet for each header.
 * HOP_BY_HOP: must not be forwarded (RFC 9110 section 7.6.1): Connection, Keep-Alive, Proxy-Connection, TE, Upgrade,
 * HTTP2-Settings, and every header that Connection lists; also a Content-Length that is meaningless where it stands (1xx,
 * 204, 2xx to CONNECT: RFC 9110 section 8.6). A proxy that carries an upgrade or trailers adds its own Connection,
 * Upgrade and TE.
 * FRAMING: Content-Length, Transfer-Encoding, Trailer. Kept by a proxy that relays the framing unchanged.
 * REPLACED_HOST: a Host that differs from the authority of an absolute-form target, which wins (RFC 9112 section 3.2.2).
 */
export const HOP_BY_HOP = 1;
export const FRAMING = 2;
export const REPLACED_HOST = 4;

export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";
export type Framing = "none" | "length" | "chunked" | "close";

const INITIAL_HEADERS = 32;

export class MessageHead {
  /** Start line and header lines, each with its CRLF, without the empty line at the end. */
  text = "";
  /** Offset in `text` of the first header line. */
  headersStart = 0;
  /** Headers, duplicates counted. */
  count = 0;
  /** By header: line start, name end, value start, value end (white space trimmed), line end. Offsets in `text`. */
  offsets = new Int32Array(INITIAL_HEADERS * HEADER_STRIDE);
  /** By header: HeaderId, 0 when the name is not well-known. */
  ids = new Uint8Array(INITIAL_HEADERS);
  /** By header: HOP_BY_HOP | FRAMING | REPLACED_HOST. */
  flags = new Uint8Array(INITIAL_HEADERS);
  versionMinor: 0 | 1 = 1;

  // Requests.
  method = "";
  /** As received. */
  target = "";
  targetForm: TargetForm = "origin";
  /** As received, undecoded, without the query: "/" when an absolute-form target has none, "*" for OPTIONS *, "" for CONNECT. */
  path = "";
  /** After "?"; "" when there is none. */
  query = "";
  /** host[:port] as received: of the target if it has one, else of Host, else "". */
  authority = "";
  expectContinue = false;
  /** TE lists trailers: the client wants trailer fields. */
  acceptsTrailers = false;

  // Responses.
  statusCode = 0;
  reason = "";

  // Both.
  framing: Framing = "none";
  /** With framing "length"; else 0, except in answers to HEAD and in 304, where it is what was said (-1: nothing). */
  contentLength = 0;
  /** The connection may carry another message after this one (RFC 9112 section 9.3). */
  keepAlive = true;
  /** Lower-case value of Upgrade when Connection lists it and the version is 1.1, else "". */
  upgrade = "";

  #hostAuthority = "";
  #host = "";

  /** The authority in lower case without its port; brackets of an IPv6 address are kept. "" when there is none. */
  get host(): string {
    if (this.authority !== this.#hostAuthority) {
      this.#hostAuthority = this.authority;
      this.#host = withoutPort(this.authority).toLowerCase();
    }
    return this.#host;
  }

  /** Seconds that the sender keeps an idle connection, from Keep-Alive: timeout=N; 0 when it does not say. */
  get keepAliveTimeoutSeconds(): number {
    const index = this.indexOf(HeaderId.KEEP_ALIVE);
    if (index < 0) return 0;
    const timeout = /(?:^|[,; \t])timeout[ \t]*=[ \t]*"?(\d{1,9})/i.exec(this.valueAt(index));
    return timeout === null ? 0 : Number(timeout[1]);
  }

  /** The target in origin-form (RFC 9112 section 3.2.1), for an upstream that is an origin; "*" stays. */
  get originTarget(): string {
    if (this.targetForm !== "absolute") return this.target;
    return this.target.endsWith("?") || this.query !== "" ? `${this.path}?${this.query}` : this.path;
  }

  /** Value by lower-case name; repeated ones joined with ", " (RFC 9110 section 5.3); "host" answers the authority. */
  header(lowerCaseName: string): string | undefined {
    if (lowerCaseName === "host" && this.method !== "") {
      return this.authority !== "" || this.indexOf(HeaderId.HOST) >= 0 ? this.authority : undefined;
    }
    let joined: string | undefined;
    for (let index = 0; index < this.count; index++) {
      if (!this.nameIs(index, lowerCaseName)) continue;
      const value = this.valueAt(index);
      joined = joined === undefined ? value : `${joined}, ${value}`;
    }
    return joined;
  }

  /** Index of the first header with this HeaderId, or -1. */
  indexOf(id: number): number {
    const { ids, count } = this;
    for (let index = 0; index < count; index++) if (ids[index] === id) return index;
    return -1;
  }

  /** Whether the header has this lower-case name. Allocates nothing. */
  nameIs(index: number, lowerCaseName: string): boolean {
    const { text, offsets } = this;
    const start = offsets[index * HEADER_STRIDE + LINE_START] as number;
    const length = lowerCaseName.length;
    if ((offsets[index * HEADER_STRIDE + NAME_END] as number) - start !== length) return false;
    for (let position = 0; position < length; position++) {
      if (LOWER[text.charCodeAt(start + position)] !== lowerCaseName.charCodeAt(position)) return false;
    }
    return true;
  }

  /** Name as received. */
  nameAt(index: number): string {
    const { offsets } = this;
    return this.text.slice(offsets[index * HEADER_STRIDE + LINE_START], offsets[index * HEADER_STRIDE + NAME_END]);
  }

  /** Value as received, surrounding white space removed. */
  valueAt(index: number): string {
    const { offsets } = this;
    return this.text.slice(offsets[index * HEADER_STRIDE + VALUE_START], offsets[index * HEADER_STRIDE + VALUE_END]);
  }

  /** For the parser: room for twice as many headers, what is there kept. */
  grow(): void {
    const { offsets, ids, flags } = this;
    this.offsets = new Int32Array(offsets.length * 2);
    this.ids = new Uint8Array(ids.length * 2);
    this.flags = new Uint8Array(flags.length * 2);
    this.offsets.set(offsets);
    this.ids.set(ids);
    this.flags.set(flags);
  }
}

function withoutPort(authority: string): string {
  if (authority.charCodeAt(0) === 0x5b) return authority.slice(0, authority.indexOf("]") + 1);
  const colon = authority.indexOf(":");
  return colon < 0 ? authority : authority.slice(0, colon);
}
