// Just enough of the protobuf wire format to read a message that somebody else defined: fields by number, lengths
// checked. Used for OTLP, whose schema the demo does not otherwise need. Throws a RangeError on anything cut short.

/** One field of a message: a number for varint and fixed64 (doubles as such), bytes for everything with a length. */
export interface WireField {
  readonly number: number;
  readonly value: number | Uint8Array;
}

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;

/** All fields of a message in order. Integers above 2^53 lose precision. */
export function readFields(message: Uint8Array): readonly WireField[] {
  const fields: WireField[] = [];
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let offset = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = view.getUint8(offset++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        return value;
      }
    }
    throw new RangeError("varint is longer than ten bytes");
  };
  while (offset < message.byteLength) {
    const tag = readVarint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case varint: {
        fields.push({ number, value: readVarint() });
        break;
      }
      case fixed64: {
        fields.push({ number, value: view.getFloat64(offset, true) });
        offset += 8;
        break;
      }
      case fixed32: {
        fields.push({ number, value: view.getUint32(offset, true) });
        offset += 4;
        break;
      }
      case lengthDelimited: {
        const length = readVarint();
        if (offset + length > message.byteLength) {
          throw new RangeError("field is longer than its message");
        }
        fields.push({ number, value: message.subarray(offset, offset + length) });
        offset += length;
        break;
      }
      default: {
        throw new RangeError(`unknown wire type in tag ${tag}`);
      }
    }
  }
  return fields;
}

/** The messages or strings of field `number`. */
export function bytesOf(fields: readonly WireField[], number: number): readonly Uint8Array[] {
  return fields.flatMap((field) => (field.number === number && typeof field.value !== "number" ? [field.value] : []));
}

export function textOf(fields: readonly WireField[], number: number): string {
  const [bytes] = bytesOf(fields, number);
  return bytes === undefined ? "" : new TextDecoder().decode(bytes);
}

/** 0 when the field is not there, which is its default. */
export function numberOf(fields: readonly WireField[], number: number): number {
  const field = fields.find((candidate) => candidate.number === number);
  return typeof field?.value === "number" ? field.value : 0;
}
