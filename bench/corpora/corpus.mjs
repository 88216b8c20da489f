/** Trees to measure on: made from a seed in a folder of their own, or the user's own, which is only read. */
import { execFile } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { nativeTool } from "../support/native-tools.mjs";
import { UsageError } from "../support/options.mjs";

const run = promisify(execFile);

export const SHAPES = ["mixed", "wide", "deep", "small"];

const made = new Set();

/** rm -r copes with millions of entries better than fs.rmSync, which lists everything first. */
async function remove(folder) {
  await run("rm", ["-rf", "--", folder]).catch((error) => process.stderr.write(`${folder}: ${error.message}\n`));
  made.delete(folder);
}

const removeAll = () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
};
process.once("exit", removeAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    process.stderr.write("removing the tree\n");
    removeAll();
    made.clear();
    process.kill(process.pid, signal);
  });
}

/** `dir`: where the tree's own new folder is put; default the system's temporary folder. */
export async function growCorpus({ shape, files, seed, dir = tmpdir() }) {
  const folder = mkdtempSync(join(dir, "fustor-bench-"));
  made.add(folder);
  const grow = nativeTool("grow");
  const begun = performance.now();
  try {
    const { stdout } = await run(grow, [shape, String(files), String(seed), folder]);
    const { directories } = JSON.parse(stdout);
    const makeSeconds = (performance.now() - begun) / 1000;
    return { name: shape, root: folder, entries: files + directories + 1, makeSeconds, remove: () => remove(folder) };
  } catch (error) {
    await remove(folder);
    throw new Error(`the tree was not made: ${String(error.stderr || error.message).trim()}`);
  }
}

/** The user's own tree. Nothing below it is ever written. Where it is stays on the screen: results do not name it. */
export function ownTree(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new UsageError(`--tree ${path}: there is no such directory`);
  if (!stat.isDirectory()) throw new UsageError(`--tree ${path}: this is no directory`);
  process.stdout.write(`own tree: ${realpathSync(path)}\n`);
  return { name: "own tree", root: realpathSync(path), entries: undefined, remove: async () => undefined };
}
