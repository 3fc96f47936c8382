// RFC 6902, applied by the letter and without any help from the code that makes patches.
interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** The document after every operation; throws where the RFC asks for an error. The input stays as it is. */
export function applyJsonPatch(document: unknown, operations: readonly Operation[]): unknown {
  let root: unknown = structuredClone(document);
  for (const { op, path, value } of operations) {
    if (path !== "" && !path.startsWith("/")) throw new Error(`not a JSON pointer: ${path}`);
    const tokens = path
      .split("/")
      .slice(1)
      .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = tokens.pop();
    if (last === undefined) {
      root = structuredClone(value);
      continue;
    }
    let parent: unknown = root;
    for (const token of tokens) parent = memberOf(parent, token);
    change(parent, last, op, structuredClone(value));
  }
  return root;
}

function memberOf(parent: unknown, token: string): unknown {
  if (Array.isArray(parent)) return parent[indexOf(token, parent.length - 1)];
  if (typeof parent !== "object" || parent === null || !Object.hasOwn(parent, token)) throw new Error(`no ${token}`);
  return (parent as Record<string, unknown>)[token];
}

function change(parent: unknown, token: string, op: string, value: unknown): void {
  if (Array.isArray(parent)) {
    if (op === "add") parent.splice(token === "-" ? parent.length : indexOf(token, parent.length), 0, value);
    else if (op === "replace") parent[indexOf(token, parent.length - 1)] = value;
    else if (op === "remove") parent.splice(indexOf(token, parent.length - 1), 1);
    else throw new Error(`unknown operation ${op}`);
    return;
  }
  if (op !== "add") memberOf(parent, token);
  if (typeof parent !== "object" || parent === null) throw new Error(`no parent of ${token}`);
  if (op === "remove") Reflect.deleteProperty(parent, token);
  else Object.defineProperty(parent, token, { value, enumerable: true, configurable: true, writable: true });
}

function indexOf(token: string, most: number): number {
  if (!/^(0|[1-9]\d*)$/.test(token) || Number(token) > most) throw new Error(`no index ${token}`);
  return Number(token);
}
