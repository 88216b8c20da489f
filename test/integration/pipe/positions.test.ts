/** A source whose positions are texts of its own goes on where the receiver has everything. */
import { describe, expect, it } from "vitest";
import { type HarnessOptions, PipeHarness, until } from "../../support/pipe-harness.ts";

/** Another agent's session keeps the receiver from forgetting everything while ours is away. */
async function started(options: HarnessOptions = {}): Promise<PipeHarness> {
  const harness = new PipeHarness({ fusion: { tellsIndex: true }, source: { positions: true }, ...options });
  harness.source.write("/a", 1, 1, true);
  await harness.start();
  await until(() => harness.isSettled);
  harness.fusion.createSession({ taskId: "other:pipe", sourceType: "fs", sourceUri: "/" });
  return harness;
}

async function changed(harness: PipeHarness, path: string): Promise<void> {
  harness.source.write(path, 1);
  await until(
    () => harness.isSettled && harness.differences().length === 0,
    () => harness.differences(),
  );
}

describe("a source with positions of its own", () => {
  it("goes on after the last accepted change when the agent starts again, without a snapshot", async () => {
    const harness = await started();
    await changed(harness, "/b");
    expect(harness.store.kept).toMatchObject({ position: "1", index: harness.pipe.status().committedIndex });
    await harness.restart(() => {
      harness.source.write("/c", 1);
      harness.source.remove("/a");
    });
    await until(
      () => harness.isSettled && harness.differences().length === 0,
      () => harness.differences(),
    );
    expect(harness.source.positions).toEqual([undefined, "1"]);
    expect(harness.source.snapshots).toBe(1);
    await until(() => harness.store.kept?.position === "3");
  });

  it("goes on where its stream began when no change came after the snapshot", async () => {
    const harness = await started();
    expect(harness.store.kept?.position).toBe("0");
    await harness.restart(() => harness.source.write("/b", 1));
    await until(
      () => harness.isSettled && harness.differences().length === 0,
      () => harness.differences(),
    );
    expect(harness.source.positions).toEqual([undefined, "0"]);
  });

  it("keeps no position before its snapshot is complete, nor when the receiver asks for another", async () => {
    const harness = new PipeHarness({
      fusion: { tellsIndex: true },
      source: { positions: true, directoryPauseMs: 50 },
    });
    harness.source.mkdir("/d", 1, true);
    await harness.start();
    await until(() => harness.source.positions.length === 1);
    harness.source.write("/b", 1);
    await until(() => harness.pipe.status().rowsSent.message > 0);
    expect([harness.pipe.status().snapshot, harness.store.kept]).toEqual(["running", undefined]);
    await until(() => harness.isSettled);
    expect(harness.store.kept?.position).toBe("1");
    let asks = 0;
    harness.sender.setFaults((call) => (call === "push" && asks++ === 0 ? { kind: "asks_for_snapshot" } : undefined));
    harness.source.write("/c", 1);
    await until(() => harness.pipe.status().snapshot === "running");
    expect(harness.store.kept).toBeUndefined();
    await until(() => harness.isSettled);
    expect(harness.store.kept?.position).toBe("2");
  });

  it("sends a snapshot all the same when the receiver does not know of the last change", async () => {
    const harness = await started();
    await changed(harness, "/b");
    harness.store.kept = { position: "1", index: Number.MAX_SAFE_INTEGER };
    await harness.restart();
    await until(() => harness.source.snapshots === 2);
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
  });

  it("goes on after the last change that it told when its stream is interrupted, without a snapshot", async () => {
    const harness = await started();
    await changed(harness, "/b");
    harness.source.breakStream(new Error("the connection is gone"));
    await changed(harness, "/c");
    expect(harness.source.positions).toEqual([undefined, "1"]);
    expect(harness.source.snapshots).toBe(1);
  });
});
