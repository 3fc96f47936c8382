// A request from a description of it, as a command line or a test gives one: method, URL and header lines. Reads them
// the way the agent reads a request head: host without port and in lower case, path undecoded and not normalised,
// repeated headers joined.
import { toByteString } from "./byte-string.ts";
import type { MatchableRequest } from "../snapshot/compiled.ts";

export interface RequestDescription {
  readonly method: string;
  /** Absolute: "http://host:port/path?query". User and fragment are dropped, as clients do. */
  readonly url: string;
  /** In order; a Host header overrides the URL's authority, as curl's -H does. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const absoluteUrl = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#@]+)([^?#]*)(?:\?([^#]*))?(?:#.*)?$/i;
const authorityPort = /:\d*$/;

/** Throws an Error with one line for people when the URL is not absolute. */
export function describedRequest({ method, url, headers }: RequestDescription): MatchableRequest {
  const parts = absoluteUrl.exec(url);
  if (parts === null) throw new Error(`${JSON.stringify(url)} is not an absolute URL such as http://host:8080/path`);
  const values = new Map<string, string>();
  for (const [name, value] of headers) {
    const lowerCaseName = name.toLowerCase();
    const earlier = values.get(lowerCaseName);
    values.set(lowerCaseName, earlier === undefined ? toByteString(value) : `${earlier}, ${toByteString(value)}`);
  }
  const authority = values.get("host") ?? parts[1] ?? "";
  values.set("host", authority);
  return {
    method,
    host: authority.replace(authorityPort, "").toLowerCase(),
    path: parts[2] === undefined || parts[2] === "" ? "/" : toByteString(parts[2]),
    query: toByteString(parts[3] ?? ""),
    header: (lowerCaseName) => values.get(lowerCaseName),
  };
}
