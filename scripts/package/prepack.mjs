// What `npm pack` runs first: dist/ as the sources are now, and the addons. Says which addons the tarball holds.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { glibcNeeded, inspectAddon } from "./elf.mjs";
import { inputsHash, isFresh } from "./freshness.mjs";
import { placeAddons } from "./place-addons.mjs";
import { ownPlatform, PLATFORMS, packedAddon, ROOT } from "./platforms.mjs";
import { main, mustRun, PackageError } from "./run.mjs";

function describe(name) {
  const needed = glibcNeeded(inspectAddon(packedAddon(name)));
  return `${name}, built on this machine${needed === undefined ? "" : `, which needs glibc ${needed}`}`;
}

await main("npm pack", () => {
  if (!existsSync(join(ROOT, "node_modules"))) throw new PackageError("node_modules is missing: run `npm ci` first");
  const own = ownPlatform();
  const ownIsPacked = PLATFORMS.some(({ name }) => name === own);
  const steps = ownIsPacked && !isFresh(own, inputsHash()) ? ["native", "ts"] : ["ts"];
  mustRun("building", process.execPath, [join(ROOT, "scripts", "build.mjs"), ...steps]);
  const placed = Object.entries(placeAddons());
  const missing = placed.filter(([, state]) => state === "missing").map(([name]) => name);
  if (missing.length === 0) return;
  const held = placed.filter(([, state]) => state !== "missing");
  if (held.length === 0) throw new PackageError(`there is no addon for ${own}: run \`npm run build:prebuilt\` first`);
  const said = held.map(([name, state]) => (state === "built here" ? describe(name) : name));
  console.error(
    `npm pack: with the addon for ${said.join("; ")}. Without: ${missing.join(", ")} (\`npm run pack:all\` makes all)`,
  );
});
