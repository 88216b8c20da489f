/** What a sender does with a topic, over a real broker. */

import { createServer } from "node:net";
import { Connection, createPartitionsV3, createTopicsV7, deleteTopicsV6, produceV9 } from "@platformatic/kafka";
import type { Row } from "fustor-agent/sdk";
import { describeSender } from "fustor-agent/sdk/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../../test/support/wait-for.ts";
import driver from "../src/index.ts";
import { KafkaBroker } from "./kafka-broker.ts";
import { readTopic } from "./read-topic.ts";
import {
  deleted,
  end,
  failureOf,
  file,
  folder,
  memoryFiles,
  opened,
  REQUEST,
  rows,
  senderTo,
  signal,
} from "./sender-fixture.ts";

let broker: KafkaBroker;
let count = 0;

beforeAll(async () => {
  broker = await KafkaBroker.start();
});
afterAll(async () => {
  await broker?.end();
});

const newTopic = (): string => `topic-${++count}`;
const to = (topic: string, params: object = {}) => ({ uri: broker.uri, params: { topic, ...params } });
const read = (topic: string) => readTopic(broker.port, topic);
const keys = async (topic: string) => [...(await read(topic)).rows.keys()].sort();

/** A topic. It is taken away with its broker, which is back for the next one. */
class World {
  readonly topic = newTopic();
  #isAway = false;

  async received(): Promise<readonly Row[]> {
    return (await read(this.topic)).records.map(({ value }) => JSON.parse(value ?? "null") as Row);
  }

  async takeAway(): Promise<void> {
    this.#isAway = true;
    await broker.kill();
  }

  async close(): Promise<void> {
    if (this.#isAway) await broker.begin();
  }
}

describe("the contract of a sender", () => {
  describeSender(
    ({ topic }, context) => {
      const params = driver.schema.parse({ topic });
      return driver.create(context, { uri: broker.uri, params, timeoutMs: 20_000 });
    },
    () => new World(),
  );
});

async function administer<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = new Connection("admin", { requestTimeout: 20_000 });
  connection.on("error", () => undefined);
  await connection.connect("127.0.0.1", broker.port);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

const TREE = [folder("/"), folder("/d"), file("/d/a"), folder("/d/e"), file("/d/e/b"), file("/f")];

test("a delete takes along everything below it, also when it is a directory that becomes a file", async () => {
  const topic = newTopic();
  const { push } = await opened(to(topic));
  await push(rows("snapshot", TREE));
  await push(deleted("/d/e"));
  expect(await keys(topic)).toEqual(["/", "/d", "/d/a", "/f"]);
  await push(rows("message", [file("/d")]));
  expect(await keys(topic)).toEqual(["/", "/d", "/f"]);
  await push(deleted("/"));
  expect(await keys(topic)).toEqual([]);
});

test("the end of a snapshot drops what it did not tell, also of earlier runs; what is there is not written again", async () => {
  const topic = newTopic();
  const first = await opened(to(topic));
  await first.push(rows("snapshot", TREE));
  await first.push(end("snapshot"));
  await first.sender.close();
  const before = (await read(topic)).records.length;

  const second = await opened(to(topic));
  await second.push(rows("snapshot", [folder("/"), folder("/d"), file("/d/a", 2)]));
  await second.push(rows("message", [file("/new")]));
  await second.push(end("snapshot"));
  expect(await keys(topic)).toEqual(["/", "/d", "/d/a", "/new"]);
  const written = (await read(topic)).records.slice(before).map(({ key, value }) => [key, value !== undefined]);
  expect(written).toEqual(
    [["/d/a", true], ["/new", true], ...["/d/e", "/d/e/b", "/f"].map((key) => [key, false])].sort((one, other) =>
      one[1] === other[1] ? 0 : one[1] ? -1 : 1,
    ),
  );
});

test("a change beside a snapshot counts as told, also when it comes before the first rows", async () => {
  const topic = newTopic();
  const { push } = await opened(to(topic));
  const beside = { ...rows("message", [file("/early")]), snapshotSyncSuggested: true };
  await push(beside);
  await push({ ...rows("snapshot", [folder("/")]), snapshotSyncSuggested: true });
  await push(end("snapshot"));
  expect(await keys(topic)).toEqual(["/", "/early"]);
  // A later one of the same session.
  await push({ ...rows("message", [file("/again")]), snapshotSyncSuggested: true });
  await push({ ...rows("snapshot", [folder("/")]), snapshotSyncSuggested: true });
  await push(end("snapshot"));
  expect(await keys(topic)).toEqual(["/", "/again"]);
});

test("an end without rows before it drops nothing; that of an audit drops the children that it did not tell", async () => {
  const topic = newTopic();
  const { push } = await opened(to(topic));
  await push(rows("message", TREE));
  await push(end("snapshot"));
  expect(await keys(topic)).toHaveLength(6);
  await push(rows("audit", [folder("/"), { ...folder("/d"), audit_skipped: true }]));
  await push(end("audit"));
  expect(await keys(topic)).toEqual(["/", "/d", "/d/a", "/d/e", "/d/e/b"]);
  await push(rows("audit", [folder("/"), folder("/d"), { ...file("/d/a"), parent_path: "/d", parent_mtime: 1 }]));
  await push(end("audit"));
  expect(await keys(topic)).toEqual(["/", "/d", "/d/a"]);
});

test("records: the path as key, the row as value, and the way it came as headers", async () => {
  const topic = newTopic();
  const { push } = await opened(to(topic));
  const odd = "/a%41 ‛FF\n\u{1f600}";
  await push(rows("message", [{ ...file(odd), is_atomic_write: false }], { index: 7 }));
  // The form that lifts tombstones: its first half is no truth.
  const lifting = rows("message", [{ ...file("/back"), modified_time: 2e9 }], { messageSource: "snapshot" });
  await push({ ...lifting, events: [...lifting.events, ...rows("message", [file("/back")], { index: 8 }).events] });
  await push(deleted(odd, 9));
  const { records } = await read(topic);
  expect(
    records.map(({ key, value, headers }) => [
      key,
      value === undefined ? undefined : JSON.parse(value),
      headers.phase,
      headers.index,
    ]),
  ).toEqual([
    [odd, { ...file(odd), is_atomic_write: false }, "realtime", "7"],
    ["/back", file("/back"), "realtime", "8"],
    [odd, undefined, "realtime", "9"],
  ]);
});

test("a topic is made compacted, and refused with another policy", async () => {
  const topic = newTopic();
  const configs = [{ name: "cleanup.policy", value: "delete" }];
  const made = { name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  await administer((connection) => createTopicsV7.api.async(connection, [made], 10_000, false));
  const sender = await senderTo(to(topic));
  const { code, message } = await failureOf(sender.createSession(REQUEST, { signal }));
  expect(code).toBe("FUSTOR_SENDER_BAD_ANSWER");
  expect(message).toContain("cleanup.policy=delete");
  expect(message).toContain("driver_params.allow_other_cleanup");
  await opened(to(topic, { allow_other_cleanup: true }));
});

test("a row that is too large is refused with its name, and the others are written", async () => {
  const topic = newTopic();
  const { push } = await opened(to(topic, { topic_config: { "max.message.bytes": 20_000 } }));
  const large = { ...file("/large"), note: "x".repeat(30_000) };
  const { code, message } = await failureOf(push(rows("message", [file("/small"), large])));
  expect(code).toBe("FUSTOR_BATCH_REFUSED");
  expect(message).toContain("the row /large has 30");
  const many = Array.from({ length: 500 }, (_, at) => ({ ...file(`/many/${at}`), note: "y".repeat(400) }));
  await push(rows("message", many));
  expect((await keys(topic)).length).toBe(500);

  // A snapshot has it, but it is refused: what the topic holds of it stays.
  await push(rows("message", [file("/large")]));
  await failureOf(push(rows("snapshot", [large])));
  await push(rows("snapshot", [file("/small")]));
  await push(end("snapshot"));
  expect(await keys(topic)).toEqual(["/large", "/small"]);
  expect((await failureOf(push(rows("message", [{ size: 1 }])))).message).toContain("no text in path");
});

test("of two agents on a topic the later one stays, and the other one says so", async () => {
  const topic = newTopic();
  const first = await opened(to(topic));
  await first.push(rows("snapshot", [folder("/")]));
  const second = await opened(to(topic));
  await second.push(rows("message", [file("/second")]));
  expect((await failureOf(first.push(rows("message", [file("/first")])))).code).toBe("FUSTOR_SESSION_LOST");
  const again = await failureOf(first.sender.createSession(REQUEST, { signal }));
  expect(again.code).toBe("FUSTOR_SESSION_CONFLICT");
  expect(again.message).toContain("another agent writes to it");
  await second.push(rows("message", [file("/third")]));
  expect(await keys(topic)).toEqual(["/", "/second", "/third"]);
});

test("an agent with a transactional id of its own makes the earlier one stop as well, in a topic that was empty", async () => {
  const topic = newTopic();
  const first = await opened(to(topic));
  const second = await opened(to(topic, { transactional_id: "of its own" }));
  await second.push(rows("message", [file("/second")]));
  expect((await failureOf(first.push(rows("message", [file("/first")])))).code).toBe("FUSTOR_SESSION_LOST");
  const { sessionId } = await first.sender.createSession(REQUEST, { signal });
  await failureOf(first.sender.push(sessionId, rows("message", [file("/more")]), { signal }));
  expect((await failureOf(first.sender.createSession(REQUEST, { signal }))).code).toBe("FUSTOR_SESSION_CONFLICT");
});

test("a topic that another application has filled stays as it is", async () => {
  const topic = newTopic();
  await (await opened(to(topic))).sender.close();
  await administer((connection) =>
    produceV9.api.async(connection, -1, 10_000, [
      { topic, partition: 0, key: Buffer.from("order 1"), value: Buffer.from("{}") },
    ]),
  );
  const { push } = await opened(to(topic));
  const { code, message } = await failureOf(push(rows("snapshot", TREE)));
  expect([code, message]).toEqual(["FUSTOR_SENDER_BAD_ANSWER", expect.stringContaining("order 1")]);
  await failureOf(push(end("snapshot")));
  expect(await keys(topic)).toEqual(["order 1"]);
  const other = await opened(to(topic, { delete_other_records: true }));
  await other.push(rows("snapshot", TREE));
  await other.push(end("snapshot"));
  expect(await keys(topic)).toHaveLength(6);
});

test("a heartbeat sees what others wrote, and a topic that was made anew", async () => {
  const topic = newTopic();
  const { sender, session, push } = await opened(to(topic));
  await push(rows("snapshot", TREE));
  await push(end("snapshot"));
  const beat = () => sender.heartbeat(session.sessionId, { canRealtime: true }, { signal });
  expect(await beat()).toEqual({ role: "leader", commands: [], snapshotNeeded: false });
  expect(await sender.getLatestCommittedIndex(session.sessionId, { signal })).toBe(1000);
  await administer((connection) => deleteTopicsV6.api.async(connection, [{ name: topic, topicId: null }], 10_000));
  await waitFor(async () => (await beat().catch((error) => error.code)) === "FUSTOR_SESSION_LOST", {
    timeoutMs: 10_000,
    what: "the loss of the session",
  });
  const { sessionId } = await sender.createSession(REQUEST, { signal });
  expect(await sender.getLatestCommittedIndex(sessionId, { signal })).toBeUndefined();
  await sender.push(sessionId, rows("snapshot", TREE), { signal });
  expect(await keys(topic)).toHaveLength(6);
});

test("a session goes on where the one before ended in order, unless something was written meanwhile", async () => {
  const topic = newTopic();
  const files = memoryFiles();
  const leave = async (one: Awaited<ReturnType<typeof opened>>) => {
    await one.sender.closeSession(one.session.sessionId, { signal });
    await one.sender.close();
    return one.session.sessionId;
  };
  const first = await opened({ ...to(topic), files });
  await first.push(rows("snapshot", TREE));
  await first.push(end("snapshot"));
  const left = await leave(first);
  const second = await opened({ ...to(topic), files }, left);
  expect(second.session.resumed).toBe(true);
  await second.push(end("snapshot"));
  await second.push(deleted("/d"));
  expect(await keys(topic)).toEqual(["/", "/f"]);
  const again = await leave(second);
  const other = await opened(to(topic));
  await other.push(rows("message", [file("/other")]));
  expect((await opened({ ...to(topic), files }, again)).session.resumed).toBeUndefined();
});

test("a topic that gets more partitions has each key once all the same", async () => {
  const topic = newTopic();
  // The tombstones where they were are more than a batch takes.
  const all = Array.from({ length: 400 }, (_, at) => file(`/${"n".repeat(100)}${at}`));
  const topic_config = { "max.message.bytes": 20_000 };
  const first = await opened(to(topic, { partitions: 2, topic_config }));
  await first.push(rows("snapshot", all));
  await first.push(end("snapshot"));
  await administer((connection) =>
    createPartitionsV3.api.async(connection, [{ name: topic, count: 7, assignments: null }], 10_000, false),
  );
  const beat = () => first.sender.heartbeat(first.session.sessionId, { canRealtime: true }, { signal });
  await waitFor(async () => (await beat().catch((error) => error.code)) === "FUSTOR_SESSION_LOST", {
    timeoutMs: 10_000,
    what: "the loss of the session",
  });
  const { sessionId } = await first.sender.createSession(REQUEST, { signal });
  await first.sender.push(sessionId, rows("snapshot", all.slice(1)), { signal });
  await first.sender.push(sessionId, end("snapshot"), { signal });
  expect(await keys(topic)).toEqual(
    all
      .slice(1)
      .map(({ path }) => String(path))
      .sort(),
  );
});

test("what real compaction leaves is the tree", async () => {
  const topic = newTopic();
  const topic_config = {
    "segment.ms": 200,
    "min.cleanable.dirty.ratio": 0.01,
    "delete.retention.ms": 100,
    "max.compaction.lag.ms": 200,
  };
  const { push } = await opened(to(topic, { topic_config }));
  await push(rows("snapshot", TREE));
  for (let size = 2; size < 60; size++) await push(rows("message", [file("/f", size)]));
  await push(deleted("/d"));
  // A segment is compacted once a later record has closed it.
  let size = 60;
  const isCompacted = async (): Promise<boolean> => {
    await push(rows("message", [file("/g", ++size)]));
    const { records } = await read(topic);
    return records.every(({ key }) => !key.startsWith("/d")) && records.filter(({ key }) => key === "/f").length === 1;
  };
  await waitFor(isCompacted, { timeoutMs: 20_000, intervalMs: 300, what: "compaction" });
  expect(await keys(topic)).toEqual(["/", "/f", "/g"]);
});

test("a broker that never answers holds nothing up for longer than the time of a call", async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const sender = await senderTo({ uri: `127.0.0.1:${port}`, timeoutMs: 500 });
  const begun = performance.now();
  expect((await failureOf(sender.createSession(REQUEST, { signal }))).code).toBe("FUSTOR_SENDER_UNREACHABLE");
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  expect((await failureOf(sender.createSession(REQUEST, { signal: abort.signal }))).code).toBe("FUSTOR_ABORTED");
  await sender.close();
  expect(performance.now() - begun).toBeLessThan(5_000);
  silent.close();
});
