// Changed conditions as lines for people: one line for what became good of an object, one for each thing that is not,
// with its message. Pure.
import type { StatusChange } from "../../../control-plane/status/status-changes.ts";

export interface StatusLine {
  readonly text: string;
  readonly isBad: boolean;
}

/** Types that are good when they are False. */
const badWhenTrue: ReadonlySet<string> = new Set(["Conflicted", "PartiallyInvalid"]);

export function describeChanges(changes: readonly StatusChange[]): readonly StatusLine[] {
  const byObject = new Map<string, StatusChange[]>();
  for (const change of changes) {
    const list = byObject.get(change.object);
    if (list === undefined) {
      byObject.set(change.object, [change]);
    } else {
      list.push(change);
    }
  }
  return [...byObject].flatMap(([object, list]) => linesOf(object, list));
}

function linesOf(object: string, changes: readonly StatusChange[]): readonly StatusLine[] {
  const lines: StatusLine[] = [];
  const good: string[] = [];
  for (const { type, status, reason, message } of changes) {
    const isGood = status === (badWhenTrue.has(type) ? "False" : "True");
    if (isGood && !badWhenTrue.has(type)) {
      good.push(type);
    } else if (status === "") {
      good.push(`${type} is gone`);
    } else if (reason === "Pending") {
      good.push(`${type} pending`);
    } else if (!isGood) {
      lines.push({ text: `${object}: ${type}=${status} (${reason}) ${message}`, isBad: true });
    }
  }
  return good.length === 0 ? lines : [{ text: `${object}: ${good.join(", ")}`, isBad: false }, ...lines];
}
