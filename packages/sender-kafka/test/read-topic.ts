/** A consumer that reads a topic from its start: the last value of each key, for each partition. */
import { Connection, fetchV12, type KafkaRecord, listOffsetsV7, metadataV12 } from "@platformatic/kafka";
import type { Row } from "fustor-agent/sdk";
import type { Tree } from "../../../test/support/disk-tree.ts";

export interface ReadTopic {
  /** In the order of the partitions and offsets. */
  readonly records: readonly {
    readonly key: string;
    readonly value: string | undefined;
    readonly partition: number;
    readonly headers: Readonly<Record<string, string>>;
  }[];
  /** What compaction would leave, tombstones left out. */
  readonly rows: ReadonlyMap<string, Row>;
}

export async function readTopic(port: number, topic: string): Promise<ReadTopic> {
  const connection = new Connection("reader", { requestTimeout: 20_000 });
  connection.on("error", () => undefined);
  await connection.connect("127.0.0.1", port);
  try {
    const { topics } = await metadataV12.api.async(connection, [topic], false, false);
    const count = topics[0]?.partitions.length ?? 0;
    const records = [];
    for (let partition = 0; partition < count; partition++) {
      records.push(...(await readPartition(connection, topic, partition)));
    }
    const last = new Map(records.map(({ key, value, partition }) => [`${partition} ${key}`, { key, value }]));
    const held = [...last.values()].filter((each) => each.value !== undefined);
    const rows = new Map(held.map(({ key, value }) => [key, JSON.parse(value ?? "") as Row]));
    if (rows.size !== held.length) throw new Error("a key has values in two partitions");
    return { records, rows };
  } finally {
    await connection.close();
  }
}

async function readPartition(connection: Connection, topic: string, partition: number) {
  const [start, end] = await Promise.all(
    [-2n, -1n].map((timestamp) => offsetOf(connection, topic, partition, timestamp)),
  );
  const records = [];
  for (let offset = start ?? 0n; offset < (end ?? 0n); ) {
    const from = offset;
    const wanted = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: from,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 8e6,
    };
    const { responses } = await fetchV12.api.async(
      connection,
      500,
      1,
      8e6,
      0,
      0,
      -1,
      [{ topicId: topic, partitions: [wanted] }],
      [],
      "",
    );
    const batches = responses[0]?.partitions[0]?.records ?? [];
    if (batches.length === 0) break;
    for (const batch of batches) {
      const fresh = batch.records.filter(({ offsetDelta }) => batch.firstOffset + BigInt(offsetDelta) >= from);
      records.push(...fresh.map((record) => plain(record, partition)));
      offset = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    }
  }
  return records;
}

async function offsetOf(connection: Connection, topic: string, partition: number, timestamp: bigint): Promise<bigint> {
  const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }];
  const { topics } = await listOffsetsV7.api.async(connection, -1, 0, [{ name: topic, partitions }]);
  return topics[0]?.partitions[0]?.offset ?? 0n;
}

const plain = ({ key, value, headers }: KafkaRecord, partition: number) => ({
  key: key?.toString() ?? "",
  value: value === null ? undefined : value.toString(),
  partition,
  headers: Object.fromEntries(headers.map(([name, text]) => [String(name), String(text)])),
});

export const treeOf = (rows: ReadonlyMap<string, Row>): Tree =>
  new Map(
    [...rows.values()].map(({ path, is_directory, size, modified_time, created_time }) => [
      String(path),
      {
        kind: is_directory === true ? "directory" : "file",
        size: Number(size),
        mtime: Number(modified_time),
        ctime: Number(created_time),
      },
    ]),
  );
