/** What the stream lets the server forget, without a server. */
import type { Change } from "fustor-agent/sdk";
import type { Pgoutput } from "pg-logical-replication";
import { expect, test } from "vitest";
import { Acknowledgements } from "../src/acknowledgements.ts";
import { Batcher } from "../src/batcher.ts";
import { ChangeMapper } from "../src/change-mapper.ts";
import type { ReplicationStream, StreamItem } from "../src/replication.ts";
import { columnOf, type Table } from "../src/tables.ts";

const TEXT = 25;
const THINGS: Table = {
  oid: 1,
  schema: "public",
  name: "things",
  label: "public.things",
  path: "/public.things",
  columns: [columnOf("id", TEXT, new Map())],
  key: ["id"],
  filter: undefined,
};

const item = (message: object): StreamItem => ({
  kind: "message",
  message: message as Pgoutput.Message,
  bytes: 10,
});
const begin = (at: number): StreamItem => item({ tag: "begin", commitLsn: `0/${at.toString(16)}`, commitTime: 0n });
const commit = (at: number): StreamItem =>
  item({ tag: "commit", commitLsn: `0/${at.toString(16)}`, commitEndLsn: `0/${(at + 1).toString(16)}` });
const insert = (id: string, relationOid = 1): StreamItem =>
  item({ tag: "insert", relation: { relationOid }, new: { id } });

interface Run {
  readonly sequence?: number;
  readonly doneLsn?: number;
  readonly failure?: Error;
}

/** A stream that brings these items, and then nothing or the failure. */
function streamOf(
  acknowledgements: Acknowledgements,
  items: readonly StreamItem[],
  { sequence = 0, doneLsn = 0, failure }: Run = {},
) {
  const waiting = [...items];
  const take = (): StreamItem | undefined => {
    const next = waiting.shift();
    if (next === undefined && failure !== undefined) throw failure;
    return next;
  };
  const stream = { take, report: () => undefined } as unknown as ReplicationStream;
  const readColumns = async () => undefined;
  const options = { sequence, every: false, looks: new Set<string>(), readColumns };
  const mapper = new ChangeMapper({ tables: [THINGS], domains: new Map() }, options);
  acknowledgements.resume(sequence);
  return new Batcher({ stream, mapper, acknowledgements, doneLsn });
}

const last = (changes: readonly Change[] = []): number => changes.at(-1)?.sequence ?? 0;

test("transactions that hold nothing of ours are behind us at once, though nothing of ours follows them", async () => {
  const acknowledgements = new Acknowledgements();
  const others = [begin(0x200), insert("a", 2), commit(0x200), begin(0x300), commit(0x300)];
  const batcher = streamOf(acknowledgements, [begin(0x100), insert("a"), commit(0x100), ...others]);
  const batch = await batcher.next();
  expect(acknowledgements.durableLsn).toBe(0);
  acknowledgements.accepted(last(batch?.changes));
  expect(acknowledgements.durableLsn).toBe(0x301);
});

test("the end of a transaction that was read but not handed over is not that of what comes again", async () => {
  const acknowledgements = new Acknowledgements();
  const many = Array.from({ length: 501 }, (_, at) => insert(String(at)));
  const transaction = [begin(0x100), ...many, commit(0x100)];
  const first = streamOf(acknowledgements, transaction, { failure: new Error("the connection is lost") });
  const sequence = last((await first.next())?.changes);
  await expect(first.next()).rejects.toThrow("lost");
  const second = streamOf(acknowledgements, transaction, { sequence });
  const again = last((await second.next())?.changes);
  const end = last((await second.next())?.changes);
  acknowledgements.accepted(again);
  expect(acknowledgements.durableLsn).toBe(0);
  acknowledgements.accepted(end);
  expect(acknowledgements.durableLsn).toBe(0x101);
});
