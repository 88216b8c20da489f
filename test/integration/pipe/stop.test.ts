import { describe, expect, it } from "vitest";
import { during, PipeHarness, until } from "../../support/pipe-harness.ts";

describe("stopping a pipe", () => {
  it("sends what is queued, then closes the session and forgets it", async () => {
    const harness = new PipeHarness({ settings: { batchEvents: 1, eventRows: 5 } });
    await harness.start();
    await until(() => harness.isSettled);
    harness.sender.setFaults((call) => (call === "push" ? { kind: "slow", delayMs: 5 } : undefined));
    for (let i = 0; i < 50; i++) harness.source.write(`/f${i}`, i);
    await until(() => harness.pipe.status().backlog === 50);
    await harness.stop();
    const rows = harness.sender.accepted
      .filter(({ sourceType }) => sourceType === "message")
      .flatMap(({ events }) => events.flatMap((event) => event.rows));
    expect(rows).toHaveLength(50);
    expect(harness.sender.calls.at(-1)?.call).toBe("closeSession");
    expect(harness.fusion.sessions).toEqual([]);
    expect(harness.store.session).toBeUndefined();
    expect(harness.pipe.status().state).toBe("stopped");
  });

  it("sends what comes while it drains, so that its last word on a path is not an old one", async () => {
    const harness = new PipeHarness({ settings: { batchEvents: 1, eventRows: 1 } });
    await harness.start();
    await until(() => harness.isSettled);
    let pushes = 0;
    harness.sender.setFaults((call) => {
      // The change comes while the last batch of what was queued is on its way.
      if (call === "push" && ++pushes === 3) harness.source.write("/a", 99);
      return call === "push" ? { kind: "slow", delayMs: 20 } : undefined;
    });
    for (const path of ["/a", "/b", "/c"]) harness.source.write(path, 1);
    await until(() => harness.pipe.status().backlog === 3);
    await harness.stop();
    const rows = harness.sender.accepted
      .filter(({ sourceType }) => sourceType === "message")
      .flatMap(({ events }) => events.flatMap((event) => event.rows as readonly { path: string; size: number }[]));
    expect(rows.filter(({ path }) => path === "/a").map(({ size }) => size)).toEqual([1, 99]);
    expect(harness.sender.calls.at(-1)?.call).toBe("closeSession");
  });

  it("leaves no session behind when it is stopped while it asks for one", async () => {
    const harness = new PipeHarness();
    harness.sender.setFaults((call) => (call === "createSession" ? { kind: "slow", delayMs: 50 } : undefined));
    const started = harness.start();
    await until(() => harness.sender.callsTo("createSession").length === 1);
    await harness.stop();
    await started;
    expect(harness.sender.callsTo("createSession")).toHaveLength(1);
    expect(harness.sender.callsTo("closeSession")).toHaveLength(1);
    expect(harness.fusion.sessions).toEqual([]);
    expect(harness.store.session).toBeUndefined();
  });

  it("keeps beating while it sends what is queued", async () => {
    // The session outlives a machine that stands still for a second; draining takes several of its heartbeats.
    const harness = new PipeHarness({
      fusion: { sessionTimeoutMs: 1_500 },
      settings: { batchEvents: 1, eventRows: 1 },
    });
    await harness.start();
    await until(() => harness.isSettled);
    harness.sender.setFaults((call) => (call === "push" ? { kind: "slow", delayMs: 60 } : undefined));
    for (let i = 0; i < 40; i++) harness.source.write(`/f${i}`, i);
    await until(() => harness.pipe.status().backlog === 40);
    const stopping = harness.stop();
    await until(() => harness.pipe.status().state === "draining");
    const beats = harness.sender.callsTo("heartbeat").length;
    await stopping;
    expect(harness.sender.callsTo("heartbeat").length - beats).toBeGreaterThan(3);
    expect(harness.pipe.status().backlog).toBe(0);
  });

  it("does not wait for a receiver that does not answer", async () => {
    const harness = new PipeHarness();
    await harness.start();
    await until(() => harness.isSettled);
    harness.sender.setFaults((call) =>
      call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined,
    );
    harness.source.write("/f", 1);
    await until(() => harness.pipe.status().failures > 0);
    const stoppedAt = performance.now();
    await harness.stop({ deadlineMs: 10_000 });
    expect(performance.now() - stoppedAt).toBeLessThan(1_000);
    expect(harness.fusion.sessions).toEqual([]);
  });

  it("is over at its deadline when a push hangs", async () => {
    const harness = new PipeHarness();
    await harness.start();
    await until(() => harness.isSettled);
    harness.sender.setFaults((call) => (call === "push" ? { kind: "hang" } : undefined));
    harness.source.write("/f", 1);
    await until(() => harness.sender.pushes.at(-1)?.sourceType === "message");
    const stoppedAt = performance.now();
    await harness.stop({ deadlineMs: 200 });
    expect(performance.now() - stoppedAt).toBeGreaterThan(190);
    expect(performance.now() - stoppedAt).toBeLessThan(1_000);
  });

  it.each(["createSession", "getLatestCommittedIndex", "closeSession"] as const)(
    "is over soon although the driver heeds nothing in %s",
    async (deaf) => {
      const harness = new PipeHarness();
      harness.sender.setFaults((call) => (call === deaf ? { kind: "deaf" } : undefined));
      await harness.start();
      await until(() => (deaf === "closeSession" ? harness.isSettled : harness.sender.callsTo(deaf).length > 0));
      const stoppedAt = performance.now();
      await harness.stop({ deadlineMs: 200 });
      expect(performance.now() - stoppedAt).toBeLessThan(5_000);
      expect(harness.pipe.status().state).toBe("stopped");
    },
  );

  it("drops the snapshot, sends no end and gives every chunk back", async () => {
    const harness = new PipeHarness({ source: { directoryPauseMs: 10 } });
    for (let d = 0; d < 100; d++) {
      harness.source.mkdir(`/d${d}`, 1_700_000_000, true);
      harness.source.write(`/d${d}/f`, 1, 1_700_000_000, true);
    }
    await harness.start();
    await until(() => harness.sender.accepted.length > 3);
    await harness.stop();
    expect(harness.sender.pushes.some(({ isEnd }) => isEnd)).toBe(false);
    expect(harness.source.chunksOut).toBe(0);
    expect(harness.source.wrongReleases).toBe(0);
  });

  it("keeps a session that could not be closed remembered for the next start", async () => {
    const harness = new PipeHarness();
    await harness.start();
    await until(() => harness.isSettled);
    harness.sender.setFaults((call) =>
      call === "closeSession" ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined,
    );
    await harness.stop();
    expect(harness.store.session).toBe(harness.fusion.sessions[0]);
  });

  it("of one of two pipes on one source leaves the other one working", async () => {
    const first = new PipeHarness();
    const second = new PipeHarness({ beside: first });
    await Promise.all([first.start(), second.start()]);
    await until(() => first.isSettled && second.isSettled);
    await during(second.close());
    expect(first.source.opens).toBe(1);
    expect(first.source.closes).toBe(0);
    first.source.write("/still", 1);
    await until(() => first.fusion.view.has("/still"));
    expect(second.fusion.view.has("/still")).toBe(false);
    await during(first.close());
    expect(first.source.closes).toBe(1);
  });
});
