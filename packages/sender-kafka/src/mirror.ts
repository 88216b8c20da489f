/**
 * What the topic holds, read from the topic itself: its keys and a fingerprint of each value. The state of the driver is
 * nothing else, so a killed agent, another machine or a lost disk make no difference.
 */
import type { KafkaRecord, RecordsBatch } from "@platformatic/kafka";
import { excerpt } from "fustor-agent/sdk";
import type { Cluster, TopicShape } from "./cluster.ts";
import { badAnswer, brokerErrors } from "./failures.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { KeyIndex, Mark } from "./key-index.ts";
import type { CallBound } from "./link.ts";
import { partitionOf } from "./murmur2.ts";

export const WRITER = "writer";
const FETCH_BYTES = 4 << 20;
/** Partitions have smaller numbers. */
const PARTITIONS = 2 ** 20;

/** A value in another partition than its key belongs to: the topic had fewer partitions once. */
export interface Stray {
  readonly code: number;
  readonly key: string;
  readonly partition: number;
}

export class Mirror {
  readonly index = new KeyIndex();
  readonly topic: TopicShape;
  /** Up to where the index shows the topic, for each partition. */
  readonly #cursors: bigint[];
  /** How far it has to be read before anything is written. */
  #targets: readonly bigint[];
  #wasRead = false;
  /** Records that were to be read are gone. */
  #isCutOff = false;
  readonly #strays = new Set<number>();
  readonly #writer: string;
  readonly #others = new Set<string>();
  /** Records without a writer were read. */
  #hasForeign = false;
  /** One that the topic held when the run began. */
  #foreignKey: string | undefined;

  constructor(topic: TopicShape, begins: readonly bigint[], ends: readonly bigint[], writer: string) {
    this.topic = topic;
    this.#cursors = [...begins];
    this.#targets = ends;
    this.#writer = writer;
    this.#wasRead = this.isRead;
  }

  /** Whether this is the same topic, with nothing of what was read gone. */
  fits({ id, leaders }: TopicShape, ends: readonly bigint[]): boolean {
    const isSame = this.topic.id === id && this.#cursors.length === leaders.length && !this.#isCutOff;
    return isSame && ends.every((end, partition) => end >= (this.#cursors[partition] ?? 0n));
  }

  /** Where the topic ends as far as is known. */
  get ends(): readonly bigint[] {
    return this.#cursors.map((cursor, partition) => larger(cursor, this.#targets[partition] ?? 0n));
  }

  get isRead(): boolean {
    return this.#cursors.every((cursor, partition) => cursor >= (this.#targets[partition] ?? 0n));
  }

  /** Records that are still to be read. */
  get left(): number {
    const gaps = this.#cursors.map((cursor, at) => Number((this.#targets[at] ?? 0n) - cursor));
    return gaps.reduce((sum, gap) => sum + Math.max(0, gap), 0);
  }

  aim(ends: readonly bigint[]): void {
    this.#targets = ends;
  }

  /** False when the time was over before. */
  async read(cluster: Cluster, topic: TopicShape, bound: CallBound, until: number): Promise<boolean> {
    for (const partition of this.#cursors.keys()) {
      while ((this.#cursors[partition] ?? 0n) < (this.#targets[partition] ?? 0n)) {
        if (performance.now() > until) return false;
        await this.#readSome(cluster, topic, partition, bound);
      }
    }
    if (!this.#wasRead && this.#hasForeign) {
      const node = this.index.anyWith(Mark.foreign);
      this.#foreignKey = node === 0 ? undefined : this.index.keyOf(node);
    }
    this.#wasRead = true;
    return true;
  }

  /** Nothing that another application put there is deleted. */
  demandOwn(place: string): void {
    if (this.#foreignKey === undefined) return;
    throw badAnswer(
      `${place}: the topic holds records that no agent wrote, such as of the key ${excerpt(this.#foreignKey)}; name another ` +
        "topic, or have them deleted with driver_params.delete_other_records",
    );
  }

  /** Records of others that came while this writer was there. Once. */
  takeOthers(): readonly string[] {
    const others = [...this.#others];
    this.#others.clear();
    return others;
  }

  /** Some of them, until they are `dropped`. */
  strays(most: number): readonly Stray[] {
    const strays: Stray[] = [];
    for (const code of this.#strays) {
      if (strays.length === most) break;
      strays.push({ code, key: this.index.keyOf(Math.floor(code / PARTITIONS)), partition: code % PARTITIONS });
    }
    return strays;
  }

  /** The topic does not hold these any more. */
  dropped(strays: readonly Stray[]): void {
    for (const { code } of strays) this.#strays.delete(code);
  }

  /** Records of ours were taken from this offset on; false when there are others before them. */
  wrote(partition: number, base: bigint, count: number): boolean {
    if (base !== this.#cursors[partition]) return false;
    this.#cursors[partition] = base + BigInt(count);
    return true;
  }

  async #readSome(cluster: Cluster, topic: TopicShape, partition: number, bound: CallBound): Promise<void> {
    const from = this.#cursors[partition] ?? 0n;
    const { batches, highWatermark } = await cluster
      .fetch(topic, partition, from, FETCH_BYTES, bound)
      .catch((error: unknown) => {
        const isGone = brokerErrors(error).includes("OFFSET_OUT_OF_RANGE");
        this.#isCutOff ||= isGone;
        throw isGone ? badAnswer("records of the topic were deleted while it was read") : error;
      });
    for (const batch of batches) this.#take(batch, partition);
    // Compaction has taken away what is not there.
    const target = this.#targets[partition] ?? 0n;
    if (batches.length === 0 && highWatermark >= target) this.#cursors[partition] = target;
  }

  #take(batch: RecordsBatch, partition: number): void {
    const from = this.#cursors[partition] ?? 0n;
    for (const record of batch.records) {
      if (batch.firstOffset + BigInt(record.offsetDelta) >= from) this.#apply(record, partition);
    }
    this.#cursors[partition] = larger(from, batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n);
  }

  #apply({ key, value, headers }: KafkaRecord, partition: number): void {
    if (key === null) return;
    if (this.#wasRead) this.#noteWriter(headers);
    const { index } = this;
    const text = key.toString("utf8");
    if (partitionOf(key, this.#cursors.length) !== partition) this.#noteStray(text, partition, value !== null);
    else if (value !== null) index.learn(index.put(text), fingerprintOf(value));
    else {
      const node = index.find(text);
      if (node === 0 || !index.has(node, Mark.live)) return;
      // Its number may be that of a stray.
      if (this.#strays.size > 0) index.doubt(node);
      else index.remove(node);
    }
    if (!this.#wasRead) this.#noteOrigin(text, value === null || writerOf(headers) !== undefined);
  }

  #noteOrigin(key: string, isOurs: boolean): void {
    if (isOurs && !this.#hasForeign) return;
    this.#hasForeign = true;
    const node = this.index.find(key);
    if (node !== 0 && isOurs) this.index.unmark(node, Mark.foreign);
    else if (node !== 0) this.index.mark(node, Mark.foreign);
  }

  #noteStray(key: string, partition: number, isValue: boolean): void {
    if (!isValue && this.index.find(key) === 0) return;
    const code = this.index.put(key) * PARTITIONS + partition;
    if (isValue) this.#strays.add(code);
    else this.#strays.delete(code);
  }

  #noteWriter(headers: KafkaRecord["headers"]): void {
    const writer = writerOf(headers) ?? "";
    if (writer !== this.#writer) this.#others.add(writer);
  }
}

const WRITER_NAME = Buffer.from(WRITER);
const isWriter = ([name]: KafkaRecord["headers"][number]): boolean => name?.equals(WRITER_NAME) === true;
const writerOf = (headers: KafkaRecord["headers"]): string | undefined => headers.find(isWriter)?.[1]?.toString();

const larger = (one: bigint, other: bigint): bigint => (one > other ? one : other);
