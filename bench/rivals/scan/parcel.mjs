/** @parcel/watcher's snapshot, into a file outside the tree. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSnapshot } from "@parcel/watcher";

const folder = mkdtempSync(join(tmpdir(), "fustor-bench-parcel-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const begun = performance.now();
await writeSnapshot(process.argv[2], join(folder, "snapshot"), { backend: "inotify" });
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - begun) / 1000 })}\n`);
