/**
 * The benchmarks of the agent before a receiver, in the smallest form: that they measure at all, not how fast anything
 * is.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { BENCH } from "../../support/bench-tools.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";

const execute = promisify(execFile);
/** It takes some seconds, but must not be cut short on a machine that is busy. */
const SLOW_TIMEOUT_MS = 300_000;

afterEach(removeTempFolders);

interface Result {
  readonly commit: string;
  readonly machine: { readonly cores: number };
  readonly summary: Record<string, unknown>;
  readonly samples: readonly unknown[];
}

/** Runs a suite in a folder of its own, sees to it that nothing is left there, and reads what it wrote. */
async function bench(suite: string, ...options: string[]): Promise<Result> {
  const folder = createTempFolder("bench-smoke");
  const { stdout } = await execute(process.execPath, [BENCH, suite, "--dir", folder, ...options]);
  expect(readdirSync(folder)).toEqual([]);
  const path = /^(\/.*\.json)$/m.exec(stdout)?.[1];
  if (path === undefined) throw new Error(`no result file is named:\n${stdout}`);
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Result;
  } finally {
    rmSync(path);
    rmSync(path.replace(/json$/, "html"), { force: true });
  }
}

describe("npm run bench", () => {
  it("latency counts every file alone and beside snapshots, and loses none", async () => {
    const { summary, samples, commit, machine } = await bench(
      "latency",
      ...["--files", "200", "--rate", "100", "--seconds", "0.5", "--runs", "1"],
    );
    expect(samples).toHaveLength(2);
    expect(summary.alone).toMatchObject({ lost: 0, counted: 50, p50Ms: expect.any(Number), p99Ms: expect.any(Number) });
    expect(summary.beside).toMatchObject({ lost: 0, snapshots: expect.any(Number) });
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
    expect(machine.cores).toBeGreaterThan(0);
  });

  it("throughput counts the paths that the receiver was shown", async () => {
    const { summary, samples } = await bench("throughput", "--rate", "1000", "--seconds", "0.3", "--runs", "1");
    expect(samples).toMatchObject([{ files: 300, seen: 300 }]);
    expect(summary).toMatchObject({
      missing: 0,
      throughPerSecond: expect.any(Number),
      agentCpuSeconds: expect.any(Number),
      peakBytes: expect.any(Number),
    });
  });

  it("churn states the slope of the agent's memory", async () => {
    const { summary, samples } = await bench("churn", "--minutes", "0.02", "--files", "200", "--rate", "200");
    expect(samples.length).toBeGreaterThan(2);
    expect(summary).toMatchObject({
      slopeKilobytesPerMinute: expect.any(Number),
      slopeError: expect.any(Number),
      firstBytes: expect.any(Number),
      lastBytes: expect.any(Number),
    });
    expect(summary.operations).toBeGreaterThan(0);
    expect(summary.rowsSent).toBeGreaterThan(0);
  });

  it("watch measures set-up, rates and what watching costs the writer", { timeout: SLOW_TIMEOUT_MS }, async () => {
    const small = ["--quick", "--only", "inotify", "--directories", "50", "--budget", "400"];
    const { summary } = await bench("watch", ...small);
    expect(summary.setups).toMatchObject([{ name: "fustor, inotify", runs: 1, coveredReportedMs: expect.any(Number) }]);
    const rates = summary.rates as { stage: string; files: number; leastSeen: number }[];
    expect(rates.map(({ stage }) => stage)).toEqual(["20/s", "1,000/s", "10,000/s", "50,000/s", "flat out"]);
    for (const { stage, files, leastSeen } of rates) expect(leastSeen, stage).toBe(files);
    const quartiles = { median: expect.any(Number), lower: expect.any(Number), upper: expect.any(Number) };
    expect(summary.slowdowns).toMatchObject([{ name: "fustor, inotify", cpu: quartiles, wall: quartiles }]);
  });

  it("end-to-end waits until the view of the receiver equals the tree", async () => {
    const small = ["--files", "100", "--runs", "1", "--idle", "0", "--only", "embedded"];
    const { samples } = await bench("end-to-end", ...small);
    expect(samples).toMatchObject([{ samples: [{ comparison: "equal", wallSeconds: expect.any(Number) }] }]);
  });
});
