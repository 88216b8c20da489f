/** fast-glob with `stats: true`. */
import fastGlob from "fast-glob";

const begun = performance.now();
const options = { cwd: process.argv[2], dot: true, onlyFiles: false, followSymbolicLinks: false, stats: true };
const found = await fastGlob("**", options);
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - begun) / 1000, entries: found.length + 1 })}\n`);
