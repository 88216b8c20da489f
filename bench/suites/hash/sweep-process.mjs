/**
 * `node sweep-process.mjs ROOT DIGEST`: hashes every file below ROOT as a sweep does, on one Piscina worker and without
 * limits, and prints the time from the first share to the last as JSON.
 */
import "../../../scripts/load-ts.mjs";
import { Piscina } from "piscina";

const { findAddon, loadAddon } = await import("../../../src/native/load.ts");
const [root, digest] = process.argv.slice(2);
const LOOK_MS = 5;

const watch = loadAddon().createWatch(root, { mode: "poll", pollMs: 600_000 }, () => undefined);
watch.start();
while (watch.rootState().root !== "available") await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
const pool = new Piscina({ filename: findAddon().file, name: "sweepTask", minThreads: 1, maxThreads: 1 });
const cancel = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
const pulse = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
const sweep = watch.openSweep({ mode: "hash", digest, maxFileBytes: 0, minAgeSec: -1, polite: false });

let [files, bytes] = [0, 0];
const begun = performance.now();
for (let next = sweep.next(); next.kind === "share"; next = sweep.next()) {
  for (let before = null, done = false; !done; ) {
    before = await pool.run({ share: next.share, before, cancel, pulse });
    const report = sweep.apply(next.share, before);
    files += report.verdicts.hashed;
    bytes += report.readBytes;
    done = report.done;
  }
}
const seconds = (performance.now() - begun) / 1000;
await pool.destroy();
await watch.close();
process.stdout.write(`${JSON.stringify({ seconds, files, bytes })}\n`);
