/**
 * 64 bits of a value, to tell whether a row is what the topic holds already. Two lanes of 32 bits, never both 0: that
 * stands for "not known".
 */
export interface Fingerprint {
  readonly low: number;
  readonly high: number;
}

export function fingerprintOf(bytes: Uint8Array): Fingerprint {
  let low = 0x811c9dc5;
  let high = 0x9e3779b9 ^ bytes.length;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(((high << 5) | (high >>> 27)) ^ byte, 0x85ebca6b);
  }
  low ^= low >>> 15;
  high ^= high >>> 13;
  return { low: low >>> 0, high: (high | 1) >>> 0 };
}
