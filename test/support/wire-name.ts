/**
 * File names on the wire, written for the tests alone, so that the engine's own encoding has somebody to disagree with:
 * a byte outside valid UTF-8 becomes U+201B and two upper-case hex digits, a U+201B of the name is doubled.
 */

const MARK = Buffer.from("\u201b", "utf8");

/** Smallest and largest code point of a sequence by its length in bytes. */
const RANGES: Readonly<Record<number, readonly [number, number]>> = {
  1: [0, 0x7f],
  2: [0x80, 0x7ff],
  3: [0x800, 0xffff],
  4: [0x10000, 0x10ffff],
};

function lengthByLead(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc0 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xf0 && lead < 0xf8 ? 4 : 0;
}

/** Bytes of the valid sequence that begins here; 0 when there is none. */
function validLength(name: Uint8Array, at: number): number {
  const lead = name[at] ?? 0;
  const length = lengthByLead(lead);
  const range = RANGES[length];
  if (range === undefined || at + length > name.length) return 0;
  let point = length === 1 ? lead : lead & (0x7f >> length);
  for (let next = at + 1; next < at + length; next++) {
    const byte = name[next] ?? 0;
    if ((byte & 0xc0) !== 0x80) return 0;
    point = point * 64 + (byte & 0x3f);
  }
  const surrogate = point >= 0xd800 && point <= 0xdfff;
  return point >= range[0] && point <= range[1] && !surrogate ? length : 0;
}

export function wireName(name: Uint8Array): string {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < name.length) {
    const length = validLength(name, at);
    if (length === 0) {
      const hex = (name[at] ?? 0).toString(16).toUpperCase().padStart(2, "0");
      parts.push(MARK, Buffer.from(hex));
      at += 1;
      continue;
    }
    const sequence = Buffer.from(name.subarray(at, at + length));
    parts.push(sequence);
    if (sequence.equals(MARK)) parts.push(MARK);
    at += length;
  }
  return Buffer.concat(parts).toString("utf8");
}
