// Header modifiers of the Gateway API (HTTPHeaderFilter) composed into one edit: for requests the rule's filter and then
// the backend's, for responses the other way round.
// An edit drops names and then appends lines, which is all that any sequence of set, add and remove amounts to.
import { toByteString } from "../routing/byte-string.ts";
import type { HeaderEdit } from "./compiled.ts";
import type { Header, HeaderModifier } from "./resources.ts";

interface Line {
  readonly lowerCaseName: string;
  readonly line: string;
}

/**
 * The edit that does what `modifiers` do one after the other, or null when they do nothing. Within one modifier removal
 * comes first, then set, then add, so that removing and adding a name replaces it. Of equal names in one list the first
 * counts (HTTPHeader: subsequent entries with an equivalent name are ignored). Names and values are already checked.
 */
export function composeHeaderEdit(modifiers: readonly (HeaderModifier | null)[]): HeaderEdit | null {
  const drop = new Set<string>();
  let lines: Line[] = [];
  const removeName = (lowerCaseName: string): void => {
    drop.add(lowerCaseName);
    lines = lines.filter((line) => line.lowerCaseName !== lowerCaseName);
  };
  for (const modifier of modifiers) {
    if (modifier === null) continue;
    for (const name of modifier.remove) removeName(name.toLowerCase());
    for (const header of firstOfEachName(modifier.set)) {
      removeName(header.name.toLowerCase());
      lines.push(toLine(header));
    }
    for (const header of firstOfEachName(modifier.add)) lines.push(toLine(header));
  }
  if (drop.size === 0 && lines.length === 0) return null;
  return { drop: [...drop], append: lines.map(({ line }) => line).join("") };
}

function toLine(header: Header): Line {
  return { lowerCaseName: header.name.toLowerCase(), line: `${header.name}: ${toByteString(header.value)}\r\n` };
}

function firstOfEachName(headers: readonly Header[]): readonly Header[] {
  if (headers.length < 2) return headers;
  const first = new Map<string, Header>();
  for (const header of headers) {
    const lowerCaseName = header.name.toLowerCase();
    if (!first.has(lowerCaseName)) first.set(lowerCaseName, header);
  }
  return [...first.values()];
}
