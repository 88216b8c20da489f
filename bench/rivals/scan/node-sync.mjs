/** node:fs, synchronous: readdirSync with types, lstatSync for each entry. */
import { lstatSync, readdirSync } from "node:fs";

const begun = performance.now();
let entries = 1;
let bytes = lstatSync(process.argv[2]).size;
const waiting = [process.argv[2]];
for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    bytes += lstatSync(path).size;
    entries++;
    if (entry.isDirectory()) waiting.push(path);
  }
}
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - begun) / 1000, entries, bytes })}\n`);
