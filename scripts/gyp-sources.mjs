// The sources that binding.gyp compiles, one line each: the vendored hashes, and files that include what else native/sources.txt names.
// native/CMakeLists.txt says why they are compiled together.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const UNITS = "build/units";

/** Writes the file when it says something else: a new time would have everything compiled again. */
function keep(path, text) {
  let had = "";
  try {
    had = readFileSync(path, "utf8");
  } catch {
    // It is not there yet.
  }
  if (had !== text) writeFileSync(path, text);
}

const sources = readFileSync(join(ROOT, "native/sources.txt"), "utf8").split("\n").filter(Boolean);
const alone = sources.filter((name) => name.startsWith("src/sweep/hash/"));
mkdirSync(join(ROOT, UNITS), { recursive: true });
for (const part of ["addon", "src"]) {
  const included = sources.filter((name) => name.startsWith(`${part}/`) && !alone.includes(name));
  keep(join(ROOT, UNITS, `${part}.cc`), included.map((name) => `#include "../../native/${name}"\n`).join(""));
  console.log(`${UNITS}/${part}.cc`);
}
for (const name of alone) console.log(`native/${name}`);
