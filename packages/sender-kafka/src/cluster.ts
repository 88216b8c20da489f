/** What the driver asks of the brokers: the topic, its offsets, a producer's number. Each is one request. */
import {
  type Connection,
  createTopicsV7,
  describeConfigsV4,
  fetchV12,
  findCoordinatorV4,
  initProducerIdV4,
  listOffsetsV7,
  metadataV12,
  type RecordsBatch,
} from "@platformatic/kafka";
import type { Address } from "./check-entry.ts";
import { badAnswer, brokerErrors, isOfTheMoment, kafkaFailure, unreachable } from "./failures.ts";
import type { CallBound, Link } from "./link.ts";

const TOPIC_RESOURCE = 2;
const TRANSACTION = 1;
const LATEST = -1n;
const EARLIEST = -2n;
const ANY_EPOCH = -1;

export interface TopicShape {
  readonly name: string;
  readonly id: string;
  /** The broker that leads each partition. */
  readonly leaders: readonly Address[];
}

export interface Producer {
  readonly id: bigint;
  readonly epoch: number;
}

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface Fetched {
  readonly batches: readonly RecordsBatch[];
  readonly highWatermark: bigint;
}

export class Cluster {
  readonly #link: Link;
  readonly #place: string;

  constructor(link: Link, place: string) {
    this.#link = link;
    this.#place = place;
  }

  /** Undefined: there is no such topic. Waits for leaders. */
  async topic(name: string, bound: CallBound): Promise<TopicShape | undefined> {
    return this.#patiently(bound, async () => {
      const answer = await this.#ask(bound, (connection) =>
        metadataV12.api.async(connection, [name], false, false).catch((error: unknown) => {
          if (brokerErrors(error).includes("UNKNOWN_TOPIC_OR_PARTITION")) return undefined;
          throw error;
        }),
      );
      const topic = answer?.topics[0];
      if (answer === undefined || topic === undefined) return undefined;
      const brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
      const partitions = [...topic.partitions].sort((one, other) => one.partitionIndex - other.partitionIndex);
      const leaders = partitions.map(({ leaderId }) => brokers.get(leaderId));
      if (leaders.length === 0 || leaders.includes(undefined)) throw new NoLeader();
      return { name, id: topic.topicId, leaders: leaders as Address[] };
    });
  }

  async create({ name, partitions, replicationFactor, config }: NewTopic, bound: CallBound): Promise<void> {
    const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }));
    const topic = { name, numPartitions: partitions, replicationFactor, assignments: [], configs };
    await this.#ask(bound, (connection) =>
      createTopicsV7.api.async(connection, [topic], 10_000, false).catch((error: unknown) => {
        if (!brokerErrors(error).includes("TOPIC_ALREADY_EXISTS")) throw error;
      }),
    );
  }

  async config(name: string, bound: CallBound): Promise<ReadonlyMap<string, string>> {
    const keys = ["cleanup.policy", "max.message.bytes"];
    const resource = { resourceType: TOPIC_RESOURCE as 2, resourceName: name, configurationKeys: keys };
    const { results } = await this.#ask(bound, (connection) =>
      describeConfigsV4.api.async(connection, [resource], false, false),
    );
    return new Map((results[0]?.configs ?? []).map((each) => [each.name, each.value ?? ""]));
  }

  /** Whoever had this transactional id before cannot write any more once this producer has written. */
  async producer(transactionalId: string, bound: CallBound): Promise<Producer> {
    return this.#patiently(bound, async () => {
      const { coordinators } = await this.#ask(bound, (connection) =>
        findCoordinatorV4.api.async(connection, TRANSACTION, [transactionalId]),
      );
      const [coordinator] = coordinators;
      if (coordinator === undefined) throw badAnswer(`${this.#place} names no coordinator`);
      const { producerId, producerEpoch } = await this.#ask(
        bound,
        (connection) => initProducerIdV4.api.async(connection, transactionalId, 60_000, -1n, -1),
        coordinator,
      );
      return { id: producerId, epoch: producerEpoch };
    });
  }

  async ends(topic: TopicShape, bound: CallBound): Promise<readonly bigint[]> {
    return this.#patiently(bound, () => this.#offsets(topic, LATEST, bound));
  }

  async begins(topic: TopicShape, bound: CallBound): Promise<readonly bigint[]> {
    return this.#patiently(bound, () => this.#offsets(topic, EARLIEST, bound));
  }

  /** Some records from this offset on. */
  async fetch(topic: TopicShape, partition: number, offset: bigint, bytes: number, bound: CallBound): Promise<Fetched> {
    const wanted = {
      partition,
      currentLeaderEpoch: ANY_EPOCH,
      fetchOffset: offset,
      lastFetchedEpoch: ANY_EPOCH,
      partitionMaxBytes: bytes,
    };
    const { responses } = await this.#ask(
      bound,
      (connection) =>
        fetchV12.api.async(
          connection,
          500,
          1,
          bytes,
          0,
          0,
          -1,
          [{ topicId: topic.name, partitions: [wanted] }],
          [],
          "",
        ),
      topic.leaders[partition],
    );
    const found = responses[0]?.partitions[0];
    return { batches: found?.records ?? [], highWatermark: found?.highWatermark ?? 0n };
  }

  async #offsets(topic: TopicShape, timestamp: bigint, bound: CallBound): Promise<readonly bigint[]> {
    const offsets: bigint[] = [];
    for (const [leader, partitions] of byLeader(topic)) {
      const asked = partitions.map((index) => ({ partitionIndex: index, currentLeaderEpoch: ANY_EPOCH, timestamp }));
      const { topics } = await this.#ask(
        bound,
        (connection) => listOffsetsV7.api.async(connection, -1, 0, [{ name: topic.name, partitions: asked }]),
        leader,
      );
      for (const { partitionIndex, offset } of topics[0]?.partitions ?? []) offsets[partitionIndex] = offset;
    }
    return offsets;
  }

  async #ask<T>(bound: CallBound, ask: (connection: Connection) => Promise<T>, broker?: Address): Promise<T> {
    try {
      return await this.#link.call(broker, bound, ask);
    } catch (error) {
      if (isOfTheMoment(error)) throw error;
      throw kafkaFailure(this.#place, error);
    }
  }

  /** Again while a broker says that it is not ready yet. */
  async #patiently<T>(bound: CallBound, attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const isMoment = error instanceof NoLeader || isOfTheMoment(error);
        if (!isMoment) throw error;
        if (performance.now() + 200 > bound.deadline || bound.signal.aborted) {
          throw error instanceof NoLeader
            ? unreachable(`${this.#place}: a partition has no leader`)
            : kafkaFailure(this.#place, error);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

class NoLeader extends Error {}

/** Partitions by the address of their leader. */
export function byLeader({ leaders }: TopicShape): ReadonlyMap<Address, readonly number[]> {
  const found = new Map<string, { readonly leader: Address; readonly partitions: number[] }>();
  for (const [partition, leader] of leaders.entries()) {
    const key = `${leader.host}:${leader.port}`;
    const group = found.get(key) ?? { leader, partitions: [] };
    group.partitions.push(partition);
    found.set(key, group);
  }
  return new Map([...found.values()].map(({ leader, partitions }) => [leader, partitions]));
}
