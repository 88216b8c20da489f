// Puts into packages/ what can be packed: addons that `npm run build:prebuilt` made from these sources, and for this machine's own platform
// otherwise what was built here. Links all packages where npm looks for what it bundles, and the agent itself where packages of drivers look for it.
import { copyFileSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { inputsHash, isFresh } from "./freshness.mjs";
import { ownBuild, ownPlatform, PLATFORMS, packageFolder, packedAddon, ROOT, readManifest } from "./platforms.mjs";

/** Licences of what the addon holds, which go wherever it goes. */
const NOTICES = "THIRD-PARTY.md";

const present = (path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

function link(folder) {
  const path = join(ROOT, "node_modules", readManifest(folder).name);
  if (present(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(relative(dirname(path), folder), path);
}

/** Platform -> "prebuilt", "built here" or "missing". */
export function placeAddons() {
  const inputs = inputsHash();
  const own = ownPlatform();
  // npm would ask a registry for the peer of the drivers, and would put our program beside those of others.
  link(ROOT);
  const placed = PLATFORMS.map(({ name }) => {
    link(packageFolder(name));
    copyFileSync(join(ROOT, NOTICES), join(packageFolder(name), NOTICES));
    if (isFresh(name, inputs)) return [name, "prebuilt"];
    const target = packedAddon(name);
    if (name !== own || !existsSync(ownBuild)) {
      rmSync(target, { force: true });
      return [name, "missing"];
    }
    copyFileSync(ownBuild, `${target}.${process.pid}`);
    renameSync(`${target}.${process.pid}`, target);
    return [name, "built here"];
  });
  return Object.fromEntries(placed);
}
