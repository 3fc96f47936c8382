// The checks that decoding shares: enums that may hold numbers this tree does not know, ports, and the fault that
// names the field.

/** What is wrong with one field of one resource. */
export class DecodeFault extends Error {
  constructor(field: string, problem: string) {
    super(`${field} ${problem}`);
  }
}

/** The domain's word for an enum value. A later minor version may send values that are not in the table. */
export function readEnum<Name extends string, Word extends string>(
  words: Readonly<Record<Name, Word>>,
  value: Name | number,
  field: string,
): Word {
  if (typeof value === "string" && Object.hasOwn(words, value)) return words[value];
  throw new DecodeFault(field, `has the value ${value}, which is unknown`);
}

export function checkPort(port: number, field: string): void {
  if (port < 1 || port > 65_535) throw new DecodeFault(field, `is ${port}, not a port`);
}
