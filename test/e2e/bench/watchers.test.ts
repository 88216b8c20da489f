/** The benchmark that compares watchers; of the rivals none, which must not be there. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { BUILD_TIMEOUT_MS, bench, buildBenchTools } from "../../support/bench-tools.ts";
import { removeTempFolders } from "../../support/temp-tree.ts";

/** It takes some seconds, but must not be cut short on a machine that is busy. */
const SLOW_TIMEOUT_MS = 300_000;

beforeAll(buildBenchTools, BUILD_TIMEOUT_MS);
afterEach(removeTempFolders);

describe("npm run bench", () => {
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
});
