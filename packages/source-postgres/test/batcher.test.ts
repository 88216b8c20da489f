import { expect, test } from "vitest";
import { Acknowledgements } from "../src/acknowledgements.ts";
import { Batcher, type BatcherParts } from "../src/batcher.ts";
import { TablesChanged } from "../src/change-mapper.ts";
import { parseLsn } from "../src/lsn.ts";

/** What a stream gives when all of it has come at once, as on a busy machine. */
function batcherOf(messages: readonly object[]): Batcher {
  const queue = messages.map((message) => ({ kind: "message", message, bytes: 10 }));
  const mapper = {
    sequence: 1,
    begin: () => undefined,
    relation: () => {
      throw new TablesChanged("the table things has other columns than before");
    },
    map: () => [{ op: "update", key: "/public.things/1" }],
  };
  const parts = {
    stream: { take: () => queue.shift(), report: () => undefined },
    mapper,
    acknowledgements: new Acknowledgements(),
    doneLsn: 0,
  };
  return new Batcher(parts as unknown as BatcherParts);
}

test("what came before a table changed is handed over first, so that it does not come again behind the snapshot", async () => {
  const lsn = { commitLsn: "0/10", commitEndLsn: "0/20", commitTime: 0n };
  const batcher = batcherOf([
    { tag: "begin", ...lsn },
    { tag: "update" },
    { tag: "commit", ...lsn },
    { tag: "begin", ...lsn },
    { tag: "relation" },
  ]);
  expect((await batcher.next())?.changes).toHaveLength(1);
  expect(batcher.doneLsn).toBe(parseLsn("0/10"));
  await expect(batcher.next()).rejects.toThrow(TablesChanged);
  await expect(batcher.next()).rejects.toThrow(TablesChanged);
});
