import { expect, test } from "vitest";
import { PipeHarness, until } from "../../support/pipe-harness.ts";

const OLD = 1_700_000_000;
/** They come before all others, and look like some of them. */
const furtherColumns = { digest: '{"path":"/x","created_time":1', created: 7, nested: { path: "/y", created_time: 9 } };

test("a column that the agent does not know changes nothing: rows are strong, superseded and audited as ever", async () => {
  const harness = new PipeHarness({
    source: { furtherColumns, chunkRows: 100 },
    fusion: { sessionTimeoutMs: 600 },
    settings: { auditIntervalMs: 3_600_000, batchEvents: 1, eventRows: 2 },
  });
  const { source, sender } = harness;
  source.mkdir("/d", OLD, true);
  for (const name of ["a", "b", "c", "restored"]) source.write(`/d/${name}`, 1, OLD, true);
  source.mkdir("/calm", OLD, true);
  source.write("/calm/f", 1, OLD, true);
  Object.assign(source.tree.get("/d/restored") as object, { created_time: Date.now() / 1000 });
  Object.assign(harness.store, { session: "session of the run that died", aliveAt: Date.now() - 100 });
  // Everything is read before the first batch gets through, so the change of /d/c overtakes the row of the snapshot.
  let held = true;
  sender.setFaults((call) => (call === "push" && held ? { kind: "fail", code: "FUSTOR_SENDER_BUSY" } : undefined));
  await harness.start();
  await until(() => harness.pipe.status().failures > 0 && source.chunksOut === 4);
  source.write("/d/c", 2, OLD - 100);
  await until(() => harness.pipe.status().backlog > 0);
  held = false;
  await until(() => harness.pipe.status().audit.runs === 2);
  const sent = sender.accepted.flatMap(({ sourceType, events }) =>
    events.flatMap(({ messageSource, rows }) => rows.map((row) => ({ sourceType, messageSource, ...row }))),
  ) as { readonly [column: string]: unknown; readonly path?: string }[];
  const formsOf = (wanted: string, phase: string): unknown[] =>
    sent.filter(({ path, sourceType }) => path === wanted && sourceType === phase).map((row) => row.messageSource);
  expect(formsOf("/d/restored", "snapshot")).toEqual(["snapshot", "realtime"]);
  expect(formsOf("/calm/f", "snapshot")).toEqual(["snapshot"]);
  expect(formsOf("/d/c", "snapshot"), "a live change has overtaken it").toEqual([]);
  expect(formsOf("/d/restored", "audit").slice(0, 3).sort()).toEqual(["audit", "realtime", "snapshot"]);
  expect(sent.find(({ path }) => path === "/calm/f")).toMatchObject(furtherColumns);
  expect(harness.differences()).toEqual([]);
});
