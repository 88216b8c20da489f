import { describe, expect, it } from "vitest";
import type { ReceivedEnvelope } from "../../support/faulty-sender.ts";
import { PipeHarness, stays, until } from "../../support/pipe-harness.ts";

const rowsIn = (push: ReceivedEnvelope | undefined): number =>
  (push?.events ?? []).reduce((sum, event) => sum + event.rows.length, 0);
const holds = (push: ReceivedEnvelope | undefined, paths: ReadonlySet<string>): boolean =>
  push?.events.some((event) => event.rows.some((row) => paths.has(String(row.path)))) ?? false;

function refuse(harness: PipeHarness, ...paths: string[]): void {
  const bad = new Set(paths);
  harness.sender.setFaults((_call, push) =>
    holds(push, bad) ? { kind: "fail", code: "FUSTOR_BATCH_REFUSED" } : undefined,
  );
}

describe("a row that the receiver refuses", () => {
  it("among live changes is set aside with its key, and all others arrive in order", async () => {
    const harness = new PipeHarness();
    await harness.start();
    await until(() => harness.isSettled);
    refuse(harness, "/f7", "/f31");
    for (let i = 0; i < 60; i++) harness.source.write(`/f${i}`, i);
    await until(() => harness.pipe.status().backlog === 0 && harness.poison.length > 0);
    expect(harness.poison.map(({ key, phase }) => [key, phase])).toEqual([
      ["/f7", "message"],
      ["/f31", "message"],
    ]);
    expect(harness.differences()).toEqual(["missing /f7", "missing /f31"]);
    const order = harness.sender.accepted
      .filter((push) => push.sourceType === "message")
      .flatMap((push) => push.events.flatMap((event) => event.rows.map((row) => row.path)));
    expect(order).toEqual(
      Array.from({ length: 60 }, (_, i) => `/f${i}`).filter((path) => path !== "/f7" && path !== "/f31"),
    );
    expect(harness.pipe.status().poisonRows).toBe(2);
  });

  it("as too large although it is small gets a few more chances", async () => {
    const harness = new PipeHarness();
    await harness.start();
    await until(() => harness.isSettled);
    let refusals = 0;
    harness.sender.setFaults((call) =>
      call === "push" && refusals++ < 5 ? { kind: "fail", code: "FUSTOR_BATCH_TOO_LARGE" } : undefined,
    );
    harness.source.write("/small", 1);
    await until(() => refusals > 5 && harness.isSettled);
    expect(harness.poison).toEqual([]);
    expect(harness.differences()).toEqual([]);
  });

  it("in a snapshot is set aside, and the snapshot still ends", async () => {
    const harness = new PipeHarness();
    for (let i = 0; i < 120; i++) harness.source.write(`/f${i}`, i, 1_700_000_000, true);
    refuse(harness, "/f55");
    await harness.start();
    await until(() => harness.isSettled);
    expect(harness.poison.map(({ key, phase }) => [key, phase])).toEqual([["/f55", "snapshot"]]);
    expect(harness.differences()).toEqual(["missing /f55"]);
    expect(harness.source.chunksOut).toBe(0);
  });

  it("in the lifting form is set aside as a whole: its two rows never go out apart", async () => {
    const harness = new PipeHarness();
    await harness.start();
    await until(() => harness.isSettled);
    for (let i = 0; i < 16; i++) harness.source.write(`/f${i}`, i, 1_600_000_000);
    for (let i = 0; i < 16; i++) harness.source.remove(`/f${i}`);
    await until(
      () =>
        harness.isSettled &&
        harness.sender.accepted.some((push) => push.events.some((event) => event.eventType === "delete")),
    );
    refuse(harness, "/f5");
    for (let i = 0; i < 16; i++) harness.source.write(`/f${i}`, i, 1_600_000_000);
    await until(() => harness.pipe.status().backlog === 0 && harness.poison.length === 1);
    expect(harness.differences()).toEqual(["missing /f5"]);
    for (const push of harness.sender.accepted) {
      const lifted = push.events
        .filter((event) => event.messageSource === "snapshot")
        .flatMap((event) => event.rows.map((row) => row.path));
      const shown = push.events
        .filter((event) => event.messageSource === "realtime")
        .flatMap((event) => event.rows.map((row) => row.path));
      if (push.sourceType === "message") expect(shown).toEqual(expect.arrayContaining(lifted));
    }
  });
});

describe("a batch that is too large for the receiver", () => {
  it("is halved until it fits, and every row arrives", async () => {
    const harness = new PipeHarness();
    for (let i = 0; i < 100; i++) harness.source.write(`/f${i}`, i, 1_700_000_000, true);
    harness.sender.setFaults((_call, push) =>
      rowsIn(push) > 8 ? { kind: "fail", code: "FUSTOR_BATCH_TOO_LARGE" } : undefined,
    );
    await harness.start();
    await until(() => harness.isSettled);
    for (let i = 0; i < 100; i++) harness.source.write(`/g${i}`, i);
    await until(() => harness.differences().length === 0);
    expect(harness.poison).toEqual([]);
    expect(Math.max(...harness.sender.accepted.map(rowsIn))).toBeLessThan(9);
  });
});

describe("a receiver that suddenly refuses everything", () => {
  it("does not get the whole stream thrown away: after a hundred rows it goes slowly, and on when it recovers", async () => {
    const harness = new PipeHarness({ settings: { maxBackoffMs: 60_000 } });
    await harness.start();
    await until(() => harness.isSettled);
    harness.sender.setFaults((call) => (call === "push" ? { kind: "fail", code: "FUSTOR_BATCH_REFUSED" } : undefined));
    for (let i = 0; i < 500; i++) harness.source.write(`/f${i}`, i);
    await until(() => harness.poison.length === 100);
    const pushes = harness.sender.pushes.length;
    await until(() => harness.sender.callsTo("heartbeat").length > 0);
    const slow = (): boolean => harness.sender.pushes.length - pushes < 3 + Math.log2(500);
    await stays(slow, 100, () => `${harness.sender.pushes.length - pushes} pushes`);
    expect(harness.poison).toHaveLength(100);
  });
});

describe("a receiver that takes only small bodies", () => {
  it("is learned from once, not by every batch", async () => {
    const harness = new PipeHarness({ source: { chunkRows: 200 } });
    const name = "long".repeat(50);
    for (let i = 0; i < 2000; i++) harness.source.write(`/${name}${i}`, i, 1_700_000_000, true);
    let refused = 0;
    harness.sender.setFaults((_call, push) => {
      if (rowsIn(push) <= 30) return undefined;
      refused++;
      return { kind: "fail", code: "FUSTOR_BATCH_TOO_LARGE" };
    });
    await harness.start();
    await until(() => harness.isSettled);
    expect(harness.differences()).toEqual([]);
    expect(harness.poison).toEqual([]);
    const batches = harness.sender.accepted.filter((push) => rowsIn(push) > 0).length;
    expect(batches).toBeGreaterThanOrEqual(2000 / 30);
    // Those of the first batch and its halves; what follows is cut smaller.
    expect(refused).toBeGreaterThanOrEqual(2);
    expect(refused).toBeLessThanOrEqual(6);
  });
});
