/** node:fs/promises: the entries of a directory at once, as most programs do it. */
import { lstat, readdir } from "node:fs/promises";

const begun = performance.now();
let entries = 1;
const waiting = [process.argv[2]];
for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
  const found = await readdir(folder, { withFileTypes: true });
  await Promise.all(found.map((entry) => lstat(`${folder}/${entry.name}`)));
  entries += found.length;
  for (const entry of found) if (entry.isDirectory()) waiting.push(`${folder}/${entry.name}`);
}
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - begun) / 1000, entries })}\n`);
