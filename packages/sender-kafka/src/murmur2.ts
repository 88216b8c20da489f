/** The hash by which every Kafka client of Java, librdkafka's `murmur2_random` included, chooses the partition of a key. */
const SEED = 0x9747b28c;
const M = 0x5bd1e995;

function murmur2(key: Uint8Array): number {
  const { length } = key;
  const whole = length & ~3;
  let h = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let k = (key[at] ?? 0) | ((key[at + 1] ?? 0) << 8) | ((key[at + 2] ?? 0) << 16) | ((key[at + 3] ?? 0) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length - whole;
  if (rest > 2) h ^= (key[whole + 2] ?? 0) << 16;
  if (rest > 1) h ^= (key[whole + 1] ?? 0) << 8;
  if (rest > 0) h = Math.imul(h ^ (key[whole] ?? 0), M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

export const partitionOf = (key: Uint8Array, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions;
