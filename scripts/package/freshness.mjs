// Which addons in packages/ were made from the sources as they are now.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { packedAddon, ROOT, readManifest } from "./platforms.mjs";

/** Of everything the addon is compiled from. */
export function inputsHash() {
  const hash = createHash("sha256").update(readManifest().version);
  const files = readdirSync(join(ROOT, "native"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) hash.update(file.slice(ROOT.length)).update(readFileSync(file));
  return hash.digest("hex");
}

const markOf = (name) => join(ROOT, "build", "prebuilt", `${name}.sha256`);
const hashOfFile = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");

export function markPacked(name, inputs) {
  mkdirSync(dirname(markOf(name)), { recursive: true });
  writeFileSync(markOf(name), `${inputs} ${hashOfFile(packedAddon(name))}\n`);
}

export function isFresh(name, inputs) {
  if (!existsSync(packedAddon(name)) || !existsSync(markOf(name))) return false;
  return readFileSync(markOf(name), "utf8") === `${inputs} ${hashOfFile(packedAddon(name))}\n`;
}
