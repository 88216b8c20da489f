/** A source that begins while this process gets no file descriptor. In a file of its own: it lowers the limit of the process that runs it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { SourceAvailability } from "../../../src/sdk/index.ts";
import { fsSourceAt } from "../../support/fs-source-at.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Lowers our soft limit at the first line of its input, and raises it again at the next. */
async function limiter(lowered: number): Promise<{ lower(): Promise<void>; raise(): Promise<void> }> {
  const [, usual] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  const set = (limit: string): string => `read line; prlimit --pid ${process.pid} --nofile=${limit}: && echo done`;
  const child = spawn("sh", ["-c", `${set(String(lowered))}; ${set(usual ?? "")}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(async () => {
    child.stdin.end("\n\n");
    if (child.exitCode === null) await once(child, "exit");
  });
  const step = async (): Promise<void> => {
    const done = once(child.stdout, "data");
    child.stdin.write("\n");
    await done;
  };
  return { lower: step, raise: step };
}

function lowestFree(): number {
  const free = openSync("/dev/null", "r");
  closeSync(free);
  return free;
}

test.each(["auto", "inotify", "poll"])(
  "a source that got no descriptor says so with the limit, and runs when there are some (%s)",
  async (engine) => {
    const root = mkdtempSync(join(tmpdir(), "fustor-descriptors-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    mkdirSync(join(root, "d"));
    writeFileSync(join(root, "d/f"), "x");
    const source = fsSourceAt(root, { engine });
    onTestFinished(() => source.close());
    const seen: SourceAvailability[] = [];
    source.onAvailability((availability) => seen.push(availability));
    const { lower, raise } = await limiter(lowestFree());
    const free = lowestFree();
    await lower();
    await source.open({ signal: new AbortController().signal });
    await raise();
    await waitFor(() => seen.length > 0, { timeoutMs: 10_000, what: "the source says what is wrong" });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ state: "unavailable" });
    const reason = seen[0]?.state === "unavailable" ? seen[0].reason : "";
    expect(reason).toMatch(/^the watch engine cannot run: no file descriptor is left \(limit \d+\): raise ulimit -n, /);
    expect(Number(/limit (\d+)/.exec(reason)?.[1])).toBeLessThanOrEqual(free);
    await waitFor(() => source.status().availability.state === "available", {
      timeoutMs: 20_000,
      what: () => `the source runs, last: ${JSON.stringify(source.status().availability)}`,
    });
    const { signal } = new AbortController();
    let rows = 0;
    for await (const chunk of source.getSnapshotIterator({ signal }).chunks) {
      rows += chunk.rowCount;
      chunk.release();
    }
    expect(rows).toBe(3);
  },
);
