// The rules of a route from the wire to domain values.
import type * as wire from "../../proto/messages.ts";
import type * as domain from "../snapshot/resources.ts";
import { DecodeFault, readEnum } from "./decode-fields.ts";

/** Gateway API: the maximum of BackendRef.weight. */
const maxWeight = 1_000_000;

const pathKinds = {
  PATH_PREFIX: "prefix",
  PATH_EXACT: "exact",
  PATH_REGULAR_EXPRESSION: "regular-expression",
} as const;

/** Throws DecodeFault, naming the field. */
export function decodeRoute(body: wire.Route): readonly domain.Rule[] {
  return body.rules.map((rule, index) => {
    const field = `rules[${index}]`;
    return {
      name: rule.name,
      matches: rule.matches.map((match, matchIndex) => decodeMatch(match, `${field}.matches[${matchIndex}]`)),
      requestHeaders: decodeHeaders(rule.requestHeaders),
      responseHeaders: decodeHeaders(rule.responseHeaders),
      mirrors: decodeMirrors(rule.mirrors, field),
      backends: rule.backends.map((backend, backendIndex) =>
        decodeBackend(backend, `${field}.backends[${backendIndex}]`),
      ),
      unsupported: rule.unsupported,
    };
  });
}

function decodeMatch(match: wire.Match, field: string): domain.Match {
  const { headers, queryParameters, method } = match;
  const kind = readEnum(pathKinds, match.pathType, `${field}.pathType`);
  return { path: { kind, value: match.path }, headers, queryParameters, method };
}

function decodeBackend(backend: wire.Backend, field: string): domain.Backend {
  const { displayName, cluster, weight, invalidReason } = backend;
  if (weight > maxWeight) throw new DecodeFault(`${field}.weight`, `is ${weight}, above ${maxWeight}`);
  return {
    displayName,
    cluster,
    weight,
    requestHeaders: decodeHeaders(backend.requestHeaders),
    responseHeaders: decodeHeaders(backend.responseHeaders),
    mirrors: decodeMirrors(backend.mirrors, field),
    invalidReason,
  };
}

function decodeMirrors(mirrors: readonly wire.Mirror[], owner: string): readonly domain.Mirror[] {
  return mirrors.map(({ displayName, cluster, numerator, denominator }, index) => {
    if (denominator < 1 || numerator > denominator) {
      throw new DecodeFault(`${owner}.mirrors[${index}]`, `copies ${numerator}/${denominator}, which is no share`);
    }
    return { displayName, cluster, numerator, denominator };
  });
}

function decodeHeaders(modifier: wire.HeaderModifier | null): domain.HeaderModifier | null {
  return modifier === null ? null : { set: modifier.set, add: modifier.add, remove: modifier.remove };
}
