/** The benchmarks of the agent before a receiver. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { BUILD_TIMEOUT_MS, bench, buildBenchTools } from "../../support/bench-tools.ts";
import { removeTempFolders } from "../../support/temp-tree.ts";

beforeAll(buildBenchTools, BUILD_TIMEOUT_MS);
afterEach(removeTempFolders);

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

  it("end-to-end waits until the view of the receiver equals the tree", async () => {
    const small = ["--files", "100", "--runs", "1", "--idle", "0", "--only", "embedded"];
    const { samples } = await bench("end-to-end", ...small);
    expect(samples).toMatchObject([{ samples: [{ comparison: "equal", wallSeconds: expect.any(Number) }] }]);
  });
});
