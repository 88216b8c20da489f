import { describe, expect, it } from "vitest";
import type { FakeSourceOptions } from "../../support/fake-source.ts";
import { PipeHarness, until } from "../../support/pipe-harness.ts";

/**
 * Holds the first snapshot batch back until everything has been read, so that the rows behind it are old when they are sent:
 * live changes go first as soon as the batch is through.
 */
async function overtaken(options: FakeSourceOptions, meanwhile: (harness: PipeHarness) => void): Promise<PipeHarness> {
  const harness = new PipeHarness({ source: options, settings: { batchEvents: 1, eventRows: 1 } });
  harness.source.mkdir("/d", 1_700_000_000, true);
  for (const name of ["a", "b", "c"]) harness.source.write(`/d/${name}`, 1, 1_700_000_000, true);
  let held = true;
  harness.sender.setFaults((call) =>
    call === "push" && held ? { kind: "fail", code: "FUSTOR_SENDER_BUSY" } : undefined,
  );
  await harness.start();
  await until(() => harness.pipe.status().failures > 0 && harness.source.chunksOut === 3);
  meanwhile(harness);
  await until(() => harness.pipe.status().backlog > 0);
  held = false;
  await until(() => harness.isSettled);
  return harness;
}

const bulkPaths = (harness: PipeHarness): unknown[] =>
  harness.sender.accepted
    .filter((push) => push.sourceType === "snapshot")
    .flatMap((push) => push.events.flatMap((event) => event.rows.map((row) => row.path)));

describe("a snapshot row", () => {
  it("is not sent when its path was changed by a live change that went out after it was read", async () => {
    const harness = await overtaken({}, ({ source }) => source.write("/d/b", 2, 1_600_000_000));
    expect(bulkPaths(harness)).toEqual(["/", "/d", "/d/a", "/d/c"]);
    expect(harness.differences()).toEqual([]);
  });

  it("is not sent when its path was deleted meanwhile", async () => {
    const harness = await overtaken({}, ({ source }) => source.remove("/d/c"));
    expect(bulkPaths(harness)).toEqual(["/", "/d", "/d/a", "/d/b"]);
    expect(harness.differences()).toEqual([]);
  });

  it("is not sent when a directory above it was deleted meanwhile", async () => {
    const harness = await overtaken({}, ({ source }) => source.remove("/d"));
    expect(bulkPaths(harness)).toEqual(["/"]);
    expect(harness.differences()).toEqual([]);
  });

  it("below a directory that only changed is sent", async () => {
    const harness = await overtaken({}, ({ source }) => source.mkdir("/d", 1_700_000_099));
    expect(bulkPaths(harness)).toEqual(["/", "/d/a", "/d/b", "/d/c"]);
    expect(harness.differences()).toEqual([]);
  });
});
