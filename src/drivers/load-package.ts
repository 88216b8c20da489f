/** Imports a package of drivers and looks at what it exports. The only place where code of others gets into the process. */
import { dirname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { type AnyDriverModule, describeError, excerpt } from "../sdk/index.ts";
import { dependencyFolders } from "./dependency-folders.ts";
import type { FoundPackage } from "./find-packages.ts";
import { guardedModule } from "./guard/guarded-module.ts";
import { codeOf, noteLoaded } from "./loaded-code.ts";
import { exportedDrivers, moduleShape, type ShapeDefect } from "./module-shape.ts";
import type { DriverOrigin } from "./origin.ts";
import { type Imported, watchedImport } from "./watched-import.ts";

export interface LoadedPackage {
  readonly modules: readonly AnyDriverModule[];
  /** What is wrong with the package or with a driver in it: whole sentences but for the full stop. */
  readonly troubles: readonly ShapeDefect[];
  /** The same of what does not keep it from being used. */
  readonly remarks: readonly ShapeDefect[];
}

/** What has to be looked at before code is loaded. */
export interface LoadRules {
  readonly agentVersion: string;
  /** Why a path cannot be trusted, as half a sentence about it; undefined when it can. */
  readonly distrust: (path: string) => ShapeDefect | undefined;
}

const broken = (what: string, cure: string): LoadedPackage => ({
  modules: [],
  troubles: [{ what, cure }],
  remarks: [],
});

const byName = ({ name, version }: FoundPackage): string => `the package ${name} ${version}`;

export async function loadPackage(found: FoundPackage, rules: LoadRules): Promise<LoadedPackage> {
  const { entry, folder } = found;
  if (entry === undefined) {
    const cure = `name a file of the package in its package.json, as "fustor": {"drivers": "./index.js"}`;
    return broken(`${byName(found)} in ${folder} does not say which file holds its drivers`, cure);
  }
  const imported = await importModule(found, entry, rules);
  return "what" in imported ? broken(imported.what, imported.cure) : shapesOf(found, imported);
}

/** Imports one module of a package that may be trusted and is made for this agent, or says why not. */
export async function importModule(
  found: FoundPackage,
  entry: string,
  rules: LoadRules,
): Promise<Imported | ShapeDefect> {
  const who = byName(found);
  const untrusted = found.origin === "home" ? distrustOf(found, entry, rules) : undefined;
  if (untrusted !== undefined) return { what: `${who} is not loaded: ${untrusted.what}`, cure: untrusted.cure };
  if (found.sdkRange !== undefined) {
    const { rangeDefect } = await import("./sdk-range.ts");
    const wrong = rangeDefect(found.sdkRange, rules.agentVersion);
    if (wrong !== undefined)
      return { what: `${who} ${wrong}`, cure: "install a version of it that is made for this one" };
  }
  try {
    noteLoaded(found);
    return await watchedImport(codeOf(found), () => import(pathToFileURL(entry).href));
  } catch (error) {
    const what = `${who} cannot be loaded from ${entry}: ${excerpt(describeError(error), 300)}`;
    return { what, cure: importCure(error) };
  }
}

/**
 * As of the configuration: other users may write neither the module nor a folder on the way to it, nor the folder of a
 * package that it may import.
 */
function distrustOf({ folder, place, name }: FoundPackage, entry: string, rules: LoadRules): ShapeDefect | undefined {
  const scope = name.startsWith("@") ? [join(place, dirname(name))] : [];
  const between = relative(folder, dirname(entry)).split(sep).filter(Boolean);
  const inner = between.map((_, depth) => join(folder, ...between.slice(0, depth + 1)));
  const own = [dirname(place), place, ...scope, folder, ...inner, join(folder, "package.json"), entry];
  for (const path of [...own, ...dependencyFolders(place, folder)]) {
    const distrust = rules.distrust(path);
    if (distrust !== undefined) return { what: `${path} ${distrust.what}`, cure: distrust.cure };
  }
  return undefined;
}

function importCure(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ERR_MODULE_NOT_FOUND"
    ? "install it again with `fustor-agent drivers add`"
    : "ask the author of the driver, or install another version";
}

function shapesOf(found: FoundPackage, { namespace, undone }: Imported): LoadedPackage {
  const exported = exportedDrivers(namespace);
  const where = `${byName(found)} (${found.entry})`;
  if (exported.length === 0) {
    return broken(`${where} exports no driver`, `export one as default, or a list of them as "drivers"`);
  }
  const modules: AnyDriverModule[] = [];
  const origins: DriverOrigin[] = [];
  const troubles: ShapeDefect[] = [];
  for (const value of exported) {
    const shape = moduleShape(value);
    if (shape.kind === "defect") {
      troubles.push(...shape.defects.map(({ what, cure }) => ({ what: `${where}: a driver of it: ${what}`, cure })));
      continue;
    }
    const { kind, name } = shape.module;
    const { name: from, version, folder, origin: installedIn } = found;
    const origin: DriverOrigin = { kind, name, package: from, version, folder, installedIn };
    modules.push(guardedModule(shape.module, origin));
    origins.push(origin);
  }
  noteLoaded(found, origins);
  const remarks = undone.map((what) => ({
    what: `${byName(found)} ${what}`,
    cure: "ask its author to leave that out",
  }));
  return { modules, troubles, remarks };
}
