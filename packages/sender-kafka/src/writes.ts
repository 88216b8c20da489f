/**
 * Rows on their way to the topic, the last one of each key alone, and what the index has to know of them before and
 * after. What the topic holds already is not written again.
 */

import type { TopicRecord } from "./attachment.ts";
import { refused } from "./failures.ts";
import { type Fingerprint, fingerprintOf } from "./fingerprint.ts";
import type { KeyIndex } from "./key-index.ts";
import { partitionOf } from "./murmur2.ts";
import { LONGEST_NAME } from "./name-table.ts";

export type Headers = Map<Buffer, Buffer>;

interface Pending {
  readonly key: string;
  readonly value: Buffer | undefined;
  readonly print: Fingerprint | undefined;
  readonly headers: Headers;
}

/** Of a record beside key, value and headers, at most. */
const RECORD_BYTES = 40;
const LARGEST_GROUP = 10_000;

export interface WritesOptions {
  readonly index: KeyIndex;
  readonly topic: string;
  readonly partitions: number;
  /** Of one group. */
  readonly bytes: number;
}

/** What goes out at once. */
export interface Group {
  readonly records: readonly TopicRecord[];
  readonly nodes: readonly number[];
  /** Of the values; undefined: a tombstone. */
  readonly prints: readonly (Fingerprint | undefined)[];
}

export class Writes {
  readonly #options: WritesOptions;
  #pending = new Map<number, Pending>();
  #bytes = 0;

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  /** There is enough for a group. */
  get isFull(): boolean {
    return this.#bytes >= this.#options.bytes / 2 || this.#pending.size >= LARGEST_GROUP;
  }

  /** The topic shall hold this value. Returns the node. Throws FUSTOR_BATCH_REFUSED. */
  put(key: string, value: Buffer, headers: Headers): number {
    const { index, bytes } = this.#options;
    // A unit of the text has 3 bytes at most.
    if (key.length > LONGEST_NAME / 3) throw refused(`the key ${key.slice(0, 200)}... is too long`);
    const size = value.length + key.length * 3 + RECORD_BYTES + headerBytes(headers);
    if (size > bytes) {
      throw refused(
        `the row ${key} has ${value.length} bytes, and the topic takes ${bytes} in a batch (max.message.bytes)`,
      );
    }
    const node = index.put(key);
    const print = fingerprintOf(value);
    if (index.holds(node, print)) this.#pending.delete(node);
    else {
      this.#set(node, { key, value, print, headers });
      this.#bytes += size;
    }
    return node;
  }

  /** The topic shall hold nothing of it. */
  drop(node: number, headers: Headers): void {
    const key = this.#options.index.keyOf(node);
    this.#set(node, { key, value: undefined, print: undefined, headers });
    this.#bytes += RECORD_BYTES + key.length * 3 + headerBytes(headers);
  }

  /** In the order in which the last ones came. */
  #set(node: number, pending: Pending): void {
    this.#pending.delete(node);
    this.#pending.set(node, pending);
  }

  /** From now on it is not known what the topic holds of these, until they are `accepted`. */
  take(): Group {
    const { index, topic, partitions, bytes } = this.#options;
    const records: TopicRecord[] = [];
    const nodes: number[] = [];
    const prints: (Fingerprint | undefined)[] = [];
    let size = 0;
    for (const [node, { key: text, value, print, headers }] of this.#pending) {
      const key = Buffer.from(text, "utf8");
      size += key.length + (value?.length ?? 0) + RECORD_BYTES + headerBytes(headers);
      if (size > bytes && nodes.length > 0) break;
      const record = { topic, key, partition: partitionOf(key, partitions), headers };
      records.push(value === undefined ? record : { ...record, value });
      nodes.push(node);
      prints.push(print);
      index.doubt(node);
    }
    for (const node of nodes) this.#pending.delete(node);
    if (this.#pending.size === 0) this.#bytes = 0;
    return { records, nodes, prints };
  }

  accepted({ nodes, prints }: Group): void {
    const { index } = this.#options;
    for (const [at, node] of nodes.entries()) {
      const print = prints[at];
      if (print === undefined) index.remove(node);
      else index.learn(node, print);
    }
  }
}

const sizes = new WeakMap<Headers, number>();

function headerBytes(headers: Headers): number {
  const known = sizes.get(headers);
  if (known !== undefined) return known;
  let size = 0;
  for (const [name, value] of headers) size += name.length + value.length + 4;
  sizes.set(headers, size);
  return size;
}
