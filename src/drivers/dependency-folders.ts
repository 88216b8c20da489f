/** The packages that code in a folder `node_modules` may import: their folders, not each of their files. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { driverPackage } from "./manifest.ts";

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch {
    return [];
  }
}

/** Its packages and the folders of scopes, as paths. */
const packagesIn = (modules: string): readonly string[] =>
  namesIn(modules).flatMap((name) => {
    const folder = join(modules, name);
    return name.startsWith("@") ? [folder, ...namesIn(folder).map((inner) => join(folder, inner))] : [folder];
  });

/** A package with what npm put below it, because another version stands above. */
function withNested(folder: string): readonly string[] {
  const modules = join(folder, "node_modules");
  const packages = packagesIn(modules);
  return packages.length === 0 ? [folder] : [folder, modules, ...packages.flatMap(withNested)];
}

function holdsDrivers(folder: string): boolean {
  try {
    return driverPackage(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")), folder) !== undefined;
  } catch {
    return false;
  }
}

/**
 * What lies in `place` beside packages of drivers, and what lies in the folder of this one. The link to the agent is left
 * out: its code runs already.
 */
export function dependencyFolders(place: string, own: string): readonly string[] {
  const agent = join(place, "fustor-agent");
  const shared = packagesIn(place).filter((folder) => folder !== agent && !holdsDrivers(folder));
  return [...shared, own].flatMap(withNested);
}
