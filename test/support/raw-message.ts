// HTTP/1.1 messages as tests read them: a second reader, independent of the codec, over text with one character per
// byte. It takes well-formed messages only and says nothing about the rest.

export interface RawMessage {
  /** Start line without its CRLF. */
  readonly startLine: string;
  /** Names and values as on the wire, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Everything up to and including the empty line. */
  readonly head: string;
  /** Content, chunks taken apart. */
  readonly body: string;
  /** Body as on the wire. */
  readonly rawBody: string;
  /** Trailer section of a chunked body, without its empty line. */
  readonly trailers: string;
}

/** How the body of a message without content is told: by the method of the request, for responses. */
export interface ReadOptions {
  readonly kind: "request" | "response";
  readonly method?: string;
  /** The stream has ended: what a close-delimited body has is all of it. */
  readonly ended?: boolean;
}

/** The message at `position` and where the next one starts, or null while it is incomplete. */
export function readMessage(
  text: string,
  position: number,
  options: ReadOptions,
): { readonly message: RawMessage; readonly next: number } | null {
  const headEnd = text.indexOf("\r\n\r\n", position);
  if (headEnd < 0) return null;
  const head = text.slice(position, headEnd + 4);
  const [startLine = "", ...lines] = head.slice(0, -4).split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const bodyStart = headEnd + 4;
  const found = readBody(text, bodyStart, framingOf(startLine, headers, options), options.ended === true);
  if (found === null) return null;
  const { body, trailers, next } = found;
  return { message: { startLine, headers, head, body, trailers, rawBody: text.slice(bodyStart, next) }, next };
}

/** Values of a header by name in any case. */
export function valuesOf(message: Pick<RawMessage, "headers">, name: string): string[] {
  return message.headers.filter(([candidate]) => candidate.toLowerCase() === name).map(([, value]) => value);
}

function framingOf(
  startLine: string,
  headers: readonly (readonly [string, string])[],
  options: ReadOptions,
): number | "chunked" | "close" {
  const status = options.kind === "response" ? Number(startLine.split(" ")[1]) : 0;
  if (options.kind === "response" && (options.method === "HEAD" || status < 200 || status === 204 || status === 304)) {
    return 0;
  }
  if (valuesOf({ headers }, "transfer-encoding").length > 0) return "chunked";
  const length = valuesOf({ headers }, "content-length")[0];
  if (length !== undefined) return Number(length);
  return options.kind === "request" ? 0 : "close";
}

function readBody(
  text: string,
  start: number,
  framing: number | "chunked" | "close",
  ended: boolean,
): { readonly body: string; readonly trailers: string; readonly next: number } | null {
  if (framing === "close") return ended ? { body: text.slice(start), trailers: "", next: text.length } : null;
  if (framing !== "chunked") {
    const next = start + framing;
    return text.length < next ? null : { body: text.slice(start, next), trailers: "", next };
  }
  let body = "";
  for (let position = start; ;) {
    const lineEnd = text.indexOf("\r\n", position);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(text.slice(position, lineEnd), 16);
    const dataStart = lineEnd + 2;
    if (size === 0) {
      const empty = text.startsWith("\r\n", dataStart) ? dataStart - 2 : text.indexOf("\r\n\r\n", dataStart);
      if (empty < 0) return null;
      return { body, trailers: text.slice(dataStart, Math.max(dataStart, empty + 2)), next: empty + 4 };
    }
    if (text.length < dataStart + size + 2) return null;
    body += text.slice(dataStart, dataStart + size);
    position = dataStart + size + 2;
  }
}
