import { describe, expect, it } from "vitest";
import { FustorError } from "../../../src/sdk/index.ts";
import { PipeHarness, until } from "../../support/pipe-harness.ts";
import { createRecordingLogger } from "../../support/recording-logger.ts";

const OLD = 1_700_000_000;

function harnessWith(options: ConstructorParameters<typeof PipeHarness>[0] = {}): PipeHarness {
  const harness = new PipeHarness({ fusion: { sessionTimeoutMs: 300 }, ...options });
  harness.source.mkdir("/d", OLD, true);
  for (let i = 0; i < 25; i++) harness.source.write(`/d/f${i}`, i, OLD, true);
  return harness;
}

const ofJobs = (harness: PipeHarness) =>
  harness.sender.accepted.filter(({ sourceType }) => sourceType === "on_demand_job");
const completions = (harness: PipeHarness) =>
  harness.sender.accepted.flatMap(({ sourceType, metadata }) => (sourceType === "job_complete" ? [metadata] : []));
const pathsOf = (harness: PipeHarness): string[] =>
  ofJobs(harness).flatMap(({ events }) => events.flatMap(({ rows }) => rows.map(({ path }) => String(path))));

describe("a scan that Fusion asks for", () => {
  it("comes as batches without metadata, and then one completion", async () => {
    const harness = harnessWith();
    harness.fusion.send({ type: "scan", path: "/d", job_id: "j-1" });
    await harness.start();
    await until(() => completions(harness).length === 1);
    expect(completions(harness)).toEqual([{ scan_path: "/d", job_id: "j-1" }]);
    expect(pathsOf(harness)).toHaveLength(26);
    expect(ofJobs(harness).every(({ metadata, isEnd }) => metadata === undefined && !isEnd)).toBe(true);
    expect(ofJobs(harness).flatMap(({ events }) => events.map((event) => event.messageSource))).not.toContain(
      "snapshot",
    );
    await until(() => harness.source.chunksOut === 0);
  });

  it("gives one row for a file, one for a directory that is not to be entered, and none for what is missing", async () => {
    const harness = harnessWith();
    harness.fusion.send({ type: "scan", path: "/d/f3", job_id: 1 });
    harness.fusion.send({ type: "scan", path: "/d", recursive: false, job_id: 2 });
    harness.fusion.send({ type: "scan", path: "/gone", job_id: 3 });
    await harness.start();
    await until(() => completions(harness).length === 3);
    expect(pathsOf(harness)).toEqual(["/d/f3", "/d"]);
    expect(completions(harness).map((metadata) => metadata?.job_id)).toEqual([1, 2, 3]);
  });

  it("is completed with the error when it is refused or fails", async () => {
    const harness = harnessWith();
    await harness.start();
    await until(() => harness.isSettled);
    harness.source.breakSnapshot(new FustorError("FUSTOR_SOURCE_UNAVAILABLE", "unmounted"), 0);
    harness.fusion.send({ type: "scan", path: "/d", job_id: "broken" });
    harness.fusion.send({ type: "scan", path: "/../secret", job_id: "outside" });
    await until(() => completions(harness).length === 2);
    expect(completions(harness)).toMatchObject([
      { job_id: "broken", error: expect.stringContaining("unmounted") },
      { job_id: "outside", error: expect.stringContaining("refused") },
    ]);
    expect(harness.pipe.status().scans).toEqual({ done: 0, failed: 2, refused: 0 });
  });

  it("is done by followers as well, and never lets more than a few wait", async () => {
    const harness = harnessWith();
    harness.fusion.createSession({ taskId: "other", sourceType: "fs", sourceUri: "/" });
    for (let i = 0; i < 30; i++) harness.fusion.send({ type: "scan", path: "/d/f1", job_id: i });
    await harness.start();
    await until(() => completions(harness).length === 30);
    expect(harness.pipe.status().role).toBe("follower");
    const failed = completions(harness).filter((metadata) => metadata?.error !== undefined);
    expect(failed).toHaveLength(14);
    expect(harness.pipe.status().scans).toEqual({ done: 16, failed: 0, refused: 14 });
  });

  it("does not bring back what was deleted while it ran", async () => {
    const harness = harnessWith({ source: { chunkRows: 2 } });
    await harness.start();
    await until(() => harness.isSettled);
    harness.sender.setFaults((call, envelope) =>
      call === "push" && envelope?.sourceType === "on_demand_job" ? { kind: "slow", delayMs: 20 } : undefined,
    );
    harness.fusion.send({ type: "scan", path: "/d", job_id: 1 });
    await until(() => ofJobs(harness).length > 0);
    harness.source.remove("/d");
    await until(() => completions(harness).length === 1);
    expect(harness.differences()).toEqual([]);
  });

  it("whose completion is refused does not stop the pipe", async () => {
    const harness = harnessWith();
    harness.sender.setFaults((_call, envelope) =>
      envelope?.sourceType === "job_complete" ? { kind: "fail", code: "FUSTOR_BATCH_REFUSED" } : undefined,
    );
    harness.fusion.send({ type: "scan", path: "/d", job_id: 1 });
    await harness.start();
    await until(() => harness.poison.length === 1);
    harness.source.write("/later", 1);
    await until(() => harness.fusion.view.has("/later"));
  });
});

describe("commands that would hand the machine over", () => {
  it("are refused, and nothing of what they ask for happens", async () => {
    const logger = createRecordingLogger();
    const harness = harnessWith({ parts: { logger } });
    const refused = ["reload_config", "report_config", "stop_pipe", "update_config", "upgrade"];
    for (const type of [...refused, "mine"]) harness.fusion.send({ type });
    await harness.start();
    await until(() => logger.messages().some((message) => message.includes("not known here")));
    const lines = logger.entries.filter(({ message }) => message.startsWith("commands "));
    expect(lines.map(({ facts }) => facts.types)).toEqual([refused.join(", "), "mine"]);
    expect(harness.pipe.status()).toMatchObject({ state: "running", scans: { done: 0 } });
  });
});

describe("suspects of Fusion's sentinel", () => {
  it("are looked at again by the leader, and those that are gone are not told", async () => {
    const harness = harnessWith({ settings: { sentinelIntervalMs: 10 } });
    harness.receiver.suspects = ["/d/f3", "/d/gone"];
    await harness.start();
    await until(() => harness.receiver.feedback.length > 0);
    expect(harness.receiver.feedback[0]).toEqual({ path: "/d/f3", mtime: OLD, size: 3, status: "exists" });
    expect(harness.receiver.feedback.some(({ path }) => path === "/d/gone")).toBe(false);
    expect(harness.pipe.status().sentinel).toMatchObject({ failures: 0 });
    expect(harness.pipe.status().sentinel.missing).toBeGreaterThan(0);
  });

  it("are asked for as often as Fusion says, and not at all when it says 0", async () => {
    const harness = harnessWith({
      fusion: { sessionTimeoutMs: 300, intervals: { sentinelIntervalMs: 0 } },
      settings: { sentinelIntervalMs: 5 },
    });
    await harness.start();
    await until(() => harness.sender.callsTo("heartbeat").length > 3);
    expect(harness.sender.callsTo("getSentinelTasks")).toEqual([]);
  });

  it("are not asked for by a follower", async () => {
    const harness = harnessWith({ settings: { sentinelIntervalMs: 5 } });
    harness.fusion.createSession({ taskId: "other", sourceType: "fs", sourceUri: "/" });
    await harness.start();
    await until(() => harness.sender.callsTo("heartbeat").length > 2);
    expect(harness.sender.callsTo("getSentinelTasks")).toEqual([]);
  });

  it("that cannot be asked for do not trouble the session", async () => {
    const harness = harnessWith({ settings: { sentinelIntervalMs: 5 } });
    harness.sender.setFaults((call) =>
      call === "getSentinelTasks" ? { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" } : undefined,
    );
    await harness.start();
    await until(() => harness.pipe.status().sentinel.failures > 3);
    expect(harness.sender.callsTo("createSession")).toHaveLength(1);
    expect(harness.isSettled).toBe(true);
  });
});
