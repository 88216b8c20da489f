/** How scans and watches live and die with the process and its worker threads: each case is a process of its own. */
import { resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { killChildren, startChild } from "../../support/child-process.ts";
import { PATIENCE } from "../../support/patience.ts";
import { createTempFolder, growTree, removeTempFolders } from "../../support/temp-tree.ts";

const ADDON = resolve(import.meta.dirname, "../../../build/Release/fustor_agent.node");
let large = "";

beforeAll(() => {
  large = createTempFolder("process");
  growTree(large, { seed: 1, files: 5000, filesPerDirectory: 50 });
});
afterEach(killChildren);
afterAll(removeTempFolders);

const PROLOGUE = `
  const { createRequire } = await import("node:module");
  const { Worker, isMainThread, workerData } = await import("node:worker_threads");
  const { once } = await import("node:events");
  const addon = createRequire("/")(${JSON.stringify(ADDON)});
  const root = process.env.SCAN_ROOT;
  const SMALL = { chunkBytes: 1, poolChunks: 1, threads: 2 };
`;

async function run(script: string, ...flags: string[]): Promise<{ code: number | null; output: string }> {
  const args = [...flags, "--input-type=module", "-e", PROLOGUE + script];
  const child = startChild({ command: process.execPath, args, env: { SCAN_ROOT: large } });
  const { code, signal } = await child.exited;
  return { code, output: signal === null ? child.output().trim() : `${signal}: ${child.output()}` };
}

/** Runs in a worker; the thread's end is what is tested. */
const inWorker = (script: string): string => JSON.stringify(`(async () => { ${PROLOGUE} ${script} })()`);

describe("the process", () => {
  test("stays alive while somebody waits for rows", async () => {
    const { code, output } = await run(`
      const scan = addon.createScan(root, SMALL);
      let rows = 0;
      (async () => {
        for (let chunk; (chunk = await scan.next()) !== null; scan.release(chunk.slot)) rows += chunk.rowCount;
        console.log(rows === scan.summary().rows && rows > 5000);
      })();
    `);
    expect({ code, output }).toEqual({ code: 0, output: "true" });
  });

  test("is not kept alive by a scan that nobody waits for", async () => {
    const { code, output } = await run(`
      const scan = addon.createScan(root, SMALL);
      await scan.next();
      console.log("done");
    `);
    expect({ code, output }).toEqual({ code: 0, output: "done" });
  });

  test("ends with the code it asks for, at whatever moment of a scan", async () => {
    for (const moment of [
      "process.exit(7)",
      "setImmediate(() => process.exit(7))",
      "setTimeout(() => process.exit(7), 3)",
      "setTimeout(() => process.exit(7), 20)",
      "scans[2].next().then(() => process.exit(7))",
    ]) {
      const { code, output } = await run(`
        const scans = [1, 2, 3].map((threads) => addon.createScan(root, { ...SMALL, threads }));
        for (const scan of scans.slice(0, 2)) scan.next();
        ${moment};
        setInterval(() => undefined, 1000);
      `);
      expect({ moment, code, output }).toEqual({ moment, code: 7, output: "" });
    }
  });

  test("ends with the code it asks for in the first pass of a watch", async () => {
    const { code, output } = await run(`
      const watch = addon.createWatch(root, {}, () => process.exit(7));
      watch.start();
      watch.openSnapshot(SMALL).next().then(() => process.exit(7));
    `);
    expect({ code, output }).toEqual({ code: 7, output: "" });
  });

  test("ends with the code it asks for while a watch nobody closed has work and a reader waits", async () => {
    for (const mode of ["inotify", "poll", "auto"]) {
      const { code, output } = await run(`
        const { writeFileSync } = await import("node:fs");
        const watch = addon.createWatch(root, { mode: "${mode}", pollMs: 10 }, () => undefined);
        watch.start();
        const until = performance.now() + 15000 * ${PATIENCE};
        while (watch.rootState().root !== "available" && performance.now() < until) await new Promise(setImmediate);
        const snapshot = watch.openSnapshot(SMALL);
        snapshot.next();
        for (let i = 0; i < 200; i++) writeFileSync(root + "/exit" + i, "x");
        process.exit(watch.rootState().root === "available" ? 7 : 1);
      `);
      expect({ mode, code, output }).toEqual({ mode, code: 7, output: "" });
    }
  });

  test("hears nothing any more of a watch that was closed in the middle of its first pass, and then ends by itself", async () => {
    const { code, output } = await run(`
      let closed = false;
      let late = 0;
      for (let moment = 0; moment < 20; moment++) {
        closed = false;
        const watch = addon.createWatch(root, {}, () => { if (closed) late++; });
        watch.start();
        const rows = watch.openSnapshot(SMALL).next().catch(() => null);
        for (let turn = 0; turn < moment; turn++) await new Promise(setImmediate);
        await watch.close();
        closed = true;
        await rows;
        await new Promise(setImmediate);
      }
      console.log(late);
    `);
    expect({ code, output }).toEqual({ code: 0, output: "0" });
  });
});

describe("a worker thread", () => {
  test("may be terminated at any moment of scans and watches, and the process goes on", async () => {
    const work = inWorker(`
      const scans = [1, 2].map((threads) => addon.createScan(root, { ...SMALL, threads }));
      for (const scan of scans) scan.next().then(() => scan.next());
      const watch = addon.createWatch(root, {}, () => { while (watch.drain() !== null); });
      watch.start();
      watch.openSnapshot(SMALL).next().catch(() => undefined);
      if (workerData % 3 === 0) watch.close();
      setInterval(() => undefined, 1000);
    `);
    const { code, output } = await run(`
      for (let i = 0; i < 12; i++) {
        const worker = new Worker(${work}, { eval: true, workerData: i });
        await once(worker, "online");
        await new Promise((resolve) => setTimeout(resolve, i * 4));
        await worker.terminate();
      }
      const scan = addon.createScan(root, SMALL);
      console.log((await scan.next()).rowCount > 0);
    `);
    expect({ code, output }).toEqual({ code: 0, output: "true" });
  });

  test("may be terminated in the middle of any call", async () => {
    const work = inWorker(`
      const { parentPort } = await import("node:worker_threads");
      const options = { filePattern: "*", exclude: ["a", "b"], excludePaths: ["/c"], rootIdentity: "", ...SMALL };
      const rules = { mode: "stat", digest: "xxh3" };
      const steps = [{ target: ["a", "b"], source: "size", type: "string" }];
      const attempts = [
        () => addon.createScan(root, options).cancel(),
        () => addon.createScan(root, options).summary(),
        () => addon.createScan(root, options).next().catch(() => undefined),
        () => addon.createRowMapper(steps),
        () => addon.encodeName(Buffer.from("name")) + addon.decodeName("name"),
        () => addon.sweepTask({ share: Buffer.alloc(8), before: Buffer.alloc(8) }),
        () => addon.probeLock(root),
        () => addon.lockFile(root),
        () => {
          const watch = addon.createWatch(root, options, () => { while (watch.drain() !== null); });
          watch.start();
          watch.status();
          watch.openSnapshot(SMALL).next().catch(() => undefined);
          watch.openSweep(rules).digests();
          watch.close();
        },
      ];
      parentPort.postMessage("ready");
      for (let i = workerData; ; i++) {
        const attempt = attempts[workerData % 2 === 0 ? i % attempts.length : workerData % attempts.length];
        try {
          attempt();
        } catch {
          // It was refused: what counts is that the process lives.
        }
      }
    `);
    const { code, output } = await run(`
      for (let i = 0; i < 60; i++) {
        const worker = new Worker(${work}, { eval: true, workerData: i });
        await once(worker, "message");
        await new Promise((resolve) => setTimeout(resolve, i % 7));
        await worker.terminate();
      }
      const scan = addon.createScan(root, SMALL);
      console.log((await scan.next()).rowCount > 0);
    `);
    expect({ code, output }).toEqual({ code: 0, output: "true" });
  });

  test("scans for itself beside the main thread", async () => {
    const { code, output } = await run(`
      const source = ${inWorker(`
        const { parentPort } = await import("node:worker_threads");
        const scan = addon.createScan(root, SMALL);
        for (let chunk; (chunk = await scan.next()) !== null; ) scan.release(chunk.slot);
        parentPort.postMessage(scan.summary().rows);
      `)};
      const [[here], there] = await Promise.all([
        once(new Worker(source, { eval: true }), "message"),
        (async () => {
          const scan = addon.createScan(root, SMALL);
          for (let chunk; (chunk = await scan.next()) !== null; ) scan.release(chunk.slot);
          return scan.summary().rows;
        })(),
      ]);
      console.log(here === there && here > 5000);
    `);
    expect({ code, output }).toEqual({ code: 0, output: "true" });
  });
});

describe("garbage collection", () => {
  test("of a scan leaves the chunk alone that somebody still reads", async () => {
    const { code, output } = await run(
      `
      const take = async () => await addon.createScan(root, SMALL).next();
      const chunk = await take();
      const before = chunk.buffer.toString("latin1");
      for (let i = 0; i < 20; i++) {
        gc();
        await new Promise(setImmediate);
      }
      console.log(chunk.buffer.toString("latin1") === before);
    `,
      "--expose-gc",
    );
    expect({ code, output }).toEqual({ code: 0, output: "true" });
  });

  test("of a Buffer leaves its slices, which are empty once their scan is closed", async () => {
    const { code, output } = await run(
      `
      const scan = addon.createScan(root, SMALL);
      const slices = await (async () => {
        const taken = [];
        for (let chunk; (chunk = await scan.next()) !== null; scan.release(chunk.slot)) taken.push(chunk.buffer.subarray(0, 100));
        return taken;
      })();
      for (let i = 0; i < 20; i++) {
        gc();
        await new Promise(setImmediate);
      }
      const before = slices.every(({ length }) => length === 100);
      scan.close();
      console.log(before, slices.every(({ length }) => length === 0));
    `,
      "--expose-gc",
    );
    expect({ code, output }).toEqual({ code: 0, output: "true true" });
  });

  test("of scans that were dropped in the middle gives their memory and threads back", async () => {
    const { code, output } = await run(
      `
      const { readdirSync } = await import("node:fs");
      const threads = () => readdirSync("/proc/self/task").length;
      const before = threads();
      for (let i = 0; i < 30; i++) await addon.createScan(root, { ...SMALL, chunkBytes: 4 << 20 }).next();
      const until = performance.now() + 15000 * ${PATIENCE};
      while (threads() > before && performance.now() < until) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      console.log(threads() <= before);
    `,
      "--expose-gc",
    );
    expect({ code, output }).toEqual({ code: 0, output: "true" });
  });
});
