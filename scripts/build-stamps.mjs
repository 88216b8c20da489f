// What the compiler was given when it ran last, and what it made of it: the same again need not be compiled again. Kept beside the caches of
// other tools, by content alone, so that a copy of this checkout with the same modules may use it, too.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");

function filesOf(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  if (!stats.isDirectory()) return [""];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length))
    .sort();
}

/** Of the names and the content of all files below these paths, which are relative to the checkout. */
function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    for (const file of filesOf(join(ROOT, path)))
      hash
        .update(`${path}${file}\0`)
        .update(readFileSync(join(ROOT, path, file)))
        .update("\0");
  }
  return hash.digest("hex");
}

/** @param {{ name: string, inputs: string[], output: string }} build */
export function buildStamp({ name, inputs, output }) {
  const file = join(ROOT, "node_modules", ".cache", `build-${name}.sha256`);
  // Before the compiler reads them: what is saved while it works is compiled the next time.
  const given = hashOf(inputs);
  const now = () => `${given} ${hashOf([output])}\n`;
  return {
    /** Whether the output is what was made of the inputs as they are. */
    holds: () => statSync(file, { throwIfNoEntry: false }) !== undefined && readFileSync(file, "utf8") === now(),
    write() {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, now());
    },
  };
}
