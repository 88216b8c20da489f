/** Looks for packages with drivers. Reads names of folders and package.json files; runs nothing of what it finds. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type DriverPackage, driverPackage } from "./manifest.ts";

/** A folder `node_modules` that is looked through. */
export interface DriverPlace {
  readonly folder: string;
  /** `home`: `fustor-agent drivers add` puts packages there. `agent`: they were installed beside the agent. */
  readonly origin: "home" | "agent";
}

export type FoundPackage = DriverPackage & {
  readonly origin: DriverPlace["origin"];
  /** The folder `node_modules` that it was found in; the package itself may lie elsewhere. */
  readonly place: string;
};

/** Our own package's folder, two above this file in src and dist alike. */
export const AGENT_FOLDER = resolve(import.meta.dirname, "..", "..");

/** Where `fustor-agent drivers add` installs: a project of npm's. */
export const driversFolder = (home: string): string => join(home, "drivers");

/** The home's folder first: what a user added there wins over what the machine has. */
export function driverPlaces(home: string, agentFolder: string = AGENT_FOLDER): readonly DriverPlace[] {
  const beside = dirname(agentFolder);
  return [
    { folder: join(driversFolder(home), "node_modules"), origin: "home" },
    { folder: join(agentFolder, "node_modules"), origin: "agent" },
    ...(basename(beside) === "node_modules" ? [{ folder: beside, origin: "agent" } as const] : []),
  ];
}

const namesIn = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

/** Packages and those of scopes, as paths below the folder; links of `npm link` are among them. */
async function foldersIn(folder: string): Promise<readonly string[]> {
  const names = (await namesIn(folder)).filter((name) => !name.startsWith(".")).toSorted();
  const scopes = names.filter((name) => name.startsWith("@"));
  const scoped = await Promise.all(
    scopes.map(async (scope) => (await namesIn(join(folder, scope))).toSorted().map((name) => join(scope, name))),
  );
  return [...names.filter((name) => !name.startsWith("@")), ...scoped.flat()].map((name) => join(folder, name));
}

/** A package.json larger than this is none. */
const MAX_MANIFEST_BYTES = 1024 * 1024;

function packageIn(folder: string): DriverPackage | undefined {
  try {
    const file = join(folder, "package.json");
    const stats = statSync(file);
    if (!stats.isFile() || stats.size > MAX_MANIFEST_BYTES) return undefined;
    return driverPackage(JSON.parse(readFileSync(file, "utf8")), realpathSync(folder));
  } catch {
    return undefined;
  }
}

/** Every package of the places that says that it holds drivers, in the order in which they win. */
export async function findPackages(places: readonly DriverPlace[]): Promise<readonly FoundPackage[]> {
  const found: FoundPackage[] = [];
  for (const { folder, origin } of places) {
    for (const path of await foldersIn(folder)) {
      const known = packageIn(path);
      if (known !== undefined && !found.some((each) => each.folder === known.folder)) {
        found.push({ ...known, origin, place: folder });
      }
    }
  }
  return found;
}
