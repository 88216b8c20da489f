/** A producer of the topic. One send at a time; after one that failed it is of no more use, and another one is made. */
import { type CompressionAlgorithmValue, type MessageRecord, NumericMap, produceV9 } from "@platformatic/kafka";
import type { Address } from "./check-entry.ts";
import { byLeader, Cluster, type Producer, type TopicShape } from "./cluster.ts";
import { badAnswer, unreachable } from "./failures.ts";
import { type CallBound, Link, type LinkSettings } from "./link.ts";

export interface TopicSettings {
  readonly link: LinkSettings;
  readonly topic: string;
  readonly transactionalId: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
  readonly allowOtherCleanup: boolean;
  readonly compression: CompressionAlgorithmValue;
}

export interface TopicRecord {
  readonly topic: string;
  readonly key: Buffer;
  /** Absent: a tombstone. */
  readonly value?: Buffer;
  readonly partition: number;
  readonly headers: Map<Buffer, Buffer>;
}

/** Room for the head of a batch. */
const HEAD_BYTES = 256;
const LARGEST_BATCH = 4 << 20;
const ALL_REPLICAS = -1;
/** Numbers of records end at 2^31. */
const MANY = 1_000_000_000;

export class Attachment {
  readonly cluster: Cluster;
  readonly topic: TopicShape;
  /** Of the records of one batch, by the topic's `max.message.bytes`. */
  readonly batchBytes: number;
  readonly #link: Link;
  readonly #settings: TopicSettings;
  readonly #producer: Producer;
  readonly #sequences = new NumericMap();
  #sent = 0;

  private constructor(settings: TopicSettings, link: Link, topic: TopicShape, producer: Producer, batchBytes: number) {
    this.#settings = settings;
    this.#link = link;
    this.cluster = new Cluster(link, settings.link.place);
    this.topic = topic;
    this.#producer = producer;
    this.batchBytes = batchBytes;
  }

  /** Makes the topic when it is missing. */
  static async open(settings: TopicSettings, bound: CallBound): Promise<Attachment> {
    const link = new Link(settings.link);
    try {
      const cluster = new Cluster(link, settings.link.place);
      const topic = (await cluster.topic(settings.topic, bound)) ?? (await make(cluster, settings, bound));
      const config = await cluster.config(settings.topic, bound);
      demandCompacted(settings, config.get("cleanup.policy") ?? "");
      const largest = Number(config.get("max.message.bytes") ?? 1_000_000);
      const producer = await cluster.producer(settings.transactionalId, bound);
      return new Attachment(settings, link, topic, producer, Math.min(largest, LARGEST_BATCH) - HEAD_BYTES);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** It has numbers left for further records. */
  get isFresh(): boolean {
    return this.#sent < MANY;
  }

  /** The offset of the first one in each partition. */
  async send(records: readonly TopicRecord[], bound: CallBound): Promise<ReadonlyMap<number, bigint>> {
    const { name } = this.topic;
    const sends = [...this.#byLeader(records)].map(([leader, group]) => this.#produce(leader, group, bound));
    const outcomes = await Promise.allSettled(sends);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    for (const { partition } of records) this.#sequences.postIncrement(`${name}:${partition}`, 1, 0);
    this.#sent += records.length;
    const answers = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    return new Map(answers.flatMap((partitions) => [...partitions]));
  }

  async #produce(
    leader: Address,
    records: readonly TopicRecord[],
    bound: CallBound,
  ): Promise<ReadonlyMap<number, bigint>> {
    const options = {
      producerId: this.#producer.id,
      producerEpoch: this.#producer.epoch,
      sequences: this.#sequences,
      compression: this.#settings.compression,
    };
    // It demands a value, and writes the absence of one as a tombstone.
    const messages = [...records] as MessageRecord[];
    const waitMs = Math.max(1, Math.round(bound.deadline - performance.now()));
    const answer = await this.#link.call(leader, bound, (connection) =>
      produceV9.api.async(connection, ALL_REPLICAS, waitMs, messages, options),
    );
    if (typeof answer === "boolean") throw badAnswer(`${this.#settings.link.place} did not acknowledge`);
    return new Map(answer.responses.flatMap(({ partitionResponses }) => partitionResponses.map(offsetOf)));
  }

  #byLeader(records: readonly TopicRecord[]): ReadonlyMap<Address, readonly TopicRecord[]> {
    const groups = [...byLeader(this.topic)];
    if (groups.length === 1 && groups[0] !== undefined) return new Map([[groups[0][0], records]]);
    const found = groups.map(([leader, partitions]) => {
      const wanted = new Set(partitions);
      return [leader, records.filter(({ partition }) => wanted.has(partition))] as const;
    });
    return new Map(found.filter(([, group]) => group.length > 0));
  }

  close(): void {
    this.#link.close();
  }
}

const offsetOf = ({ index, baseOffset }: { index: number; baseOffset: bigint }): readonly [number, bigint] => [
  index,
  baseOffset,
];

async function make(cluster: Cluster, settings: TopicSettings, bound: CallBound): Promise<TopicShape> {
  const { topic, partitions, replicationFactor, config } = settings;
  const all = { "cleanup.policy": "compact", ...config };
  await cluster.create({ name: topic, partitions, replicationFactor, config: all }, bound);
  // A broker learns of a new topic a moment later.
  while (!bound.signal.aborted && performance.now() < bound.deadline) {
    const made = await cluster.topic(topic, bound);
    if (made !== undefined) return made;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw unreachable(`${settings.link.place}: the topic was created and is not there yet`);
}

function demandCompacted({ topic, allowOtherCleanup, link }: TopicSettings, policy: string): void {
  if (policy === "compact" || allowOtherCleanup) return;
  throw badAnswer(
    `${link.place}: the topic ${topic} has cleanup.policy=${policy}, so it forgets entries that still exist; ` +
      "set it to compact, name another topic, or allow it with driver_params.allow_other_cleanup",
  );
}
