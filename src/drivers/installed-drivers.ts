/**
 * The drivers that a configuration names and that do not come with the agent. Nothing is looked for and no code is
 * loaded unless one is named.
 */
import type { AnyDriverModule } from "../sdk/index.ts";
import { agentVersion } from "../sdk/version.ts";
import { driverPlaces, type FoundPackage, findPackages } from "./find-packages.ts";
import { type LoadedPackage, type LoadRules, loadPackage } from "./load-package.ts";
import type { DriverName } from "./manifest.ts";
import type { ShapeDefect } from "./module-shape.ts";
import { answersTo, DriverRegistry, driverKey, knownDrivers } from "./registry.ts";
import { linkSdk } from "./sdk-link.ts";

export interface InstalledOptions extends Pick<LoadRules, "distrust"> {
  readonly home: string;
  /** Default: those that come with the agent. */
  readonly builtIn?: DriverRegistry;
  /** Default: this agent's own. */
  readonly agentVersion?: string;
  readonly agentFolder?: string;
}

const holds = ({ kind, name }: DriverName, { drivers }: FoundPackage): boolean =>
  drivers.some((driver) => driver.kind === kind && driver.name === name);

/** Loads each package once, and keeps what came of it. */
class Shelf {
  readonly packages: readonly FoundPackage[];
  readonly #rules: LoadRules;
  readonly #home: string;
  readonly #agentFolder: string | undefined;
  readonly #loaded = new Map<FoundPackage, Promise<LoadedPackage>>();

  constructor(packages: readonly FoundPackage[], options: InstalledOptions) {
    this.packages = packages;
    this.#home = options.home;
    this.#agentFolder = options.agentFolder;
    this.#rules = { agentVersion: options.agentVersion ?? agentVersion, distrust: options.distrust };
  }

  load(found: FoundPackage): Promise<LoadedPackage> {
    const known = this.#loaded.get(found) ?? this.#load(found);
    this.#loaded.set(found, known);
    return known;
  }

  async #load(found: FoundPackage): Promise<LoadedPackage> {
    // A home that cannot be written has the link already, or the import says what is missing.
    if (found.origin === "home") await linkSdk(this.#home, this.#agentFolder).catch(() => undefined);
    return loadPackage(found, this.#rules);
  }
}

interface Found {
  readonly module?: AnyDriverModule;
  readonly trouble?: ShapeDefect;
  readonly remarks?: readonly ShapeDefect[];
}

/** A name of ours cannot be taken by an installed driver. */
function takenName(module: AnyDriverModule, builtIn: DriverRegistry): string | undefined {
  const ours = builtIn.names(module.kind);
  return [module.name, ...module.aliases].find((name) => ours.includes(name));
}

/** The first package whose package.json says that it holds the driver, else the first whose module does. */
async function findDriver(wanted: DriverName, shelf: Shelf, builtIn: DriverRegistry): Promise<Found> {
  const sure = shelf.packages.filter((each) => holds(wanted, each));
  const others = shelf.packages.filter((each) => each.mayHoldOthers && !sure.includes(each));
  for (const found of [...sure, ...others]) {
    const { modules, troubles, remarks } = await shelf.load(found);
    const module = modules.find((each) => answersTo(each, wanted));
    if (module === undefined) {
      if (sure.includes(found)) return { trouble: troubles[0] ?? missing(wanted, found) };
      continue;
    }
    const taken = takenName(module, builtIn);
    if (taken !== undefined) return { trouble: takenTrouble(taken, found) };
    const second = sure.find((each) => each !== found);
    const double = second === undefined ? [] : [doubleRemark(wanted, found, second)];
    return { module, remarks: [...double, ...remarks] };
  }
  return {};
}

const missing = ({ kind, name }: DriverName, found: FoundPackage): ShapeDefect => ({
  what: `the package ${found.name} ${found.version} (${found.entry}) holds no ${kind} driver "${name}"`,
  cure: "install another version of it",
});

const takenTrouble = (name: string, found: FoundPackage): ShapeDefect => ({
  what: `the package ${found.name} ${found.version} has a driver "${name}", which is the name of one that comes with the agent`,
  cure: "use a driver with a name of its own",
});

const doubleRemark = ({ kind, name }: DriverName, used: FoundPackage, other: FoundPackage): ShapeDefect => ({
  what: `the ${kind} driver "${name}" is in ${used.folder} and in ${other.folder}: the first is used`,
  cure: "remove one of them",
});

export interface InstalledDrivers {
  readonly registry: DriverRegistry;
  /** What a user should know although everything works. */
  readonly remarks: readonly ShapeDefect[];
}

/** The registry with everything that is wanted of what is installed. Never rejects: what is wrong is in the registry. */
export async function withInstalled(
  wanted: readonly DriverName[],
  options: InstalledOptions,
): Promise<InstalledDrivers> {
  const { builtIn = knownDrivers, home, agentFolder } = options;
  const unknown = wanted.filter((driver) => !builtIn.has(driver));
  if (unknown.length === 0) return { registry: builtIn, remarks: [] };
  const packages = await findPackages(driverPlaces(home, agentFolder));
  const shelf = new Shelf(packages, options);
  const modules = new Set<AnyDriverModule>();
  const troubles = new Map<string, ShapeDefect>();
  const remarks: ShapeDefect[] = [];
  for (const name of unknown) {
    const { module, trouble, remarks: said = [] } = await findDriver(name, shelf, builtIn);
    if (module !== undefined) modules.add(module);
    if (trouble !== undefined) troubles.set(driverKey(name.kind, name.name), trouble);
    remarks.push(...said.filter((each) => !remarks.some(({ what }) => what === each.what)));
  }
  const offered = packages.flatMap(({ drivers }) => drivers);
  const registry = new DriverRegistry([...builtIn.modules, ...modules], { offered, troubles });
  return { registry, remarks };
}

/** A driver as `drivers list` shows it. */
export interface ListedDriver extends DriverName {
  readonly version: string;
  /** "built in", or where its package lies. */
  readonly origin: string;
  readonly package?: string;
  /** Why it cannot be used. */
  readonly trouble?: string;
}

const sentence = ({ what, cure }: ShapeDefect): string => `${what}, ${cure}`;

/** Every driver there is, loaded to see whether it can be used. */
export async function listDrivers(options: InstalledOptions): Promise<readonly ListedDriver[]> {
  const { builtIn = knownDrivers, home, agentFolder, agentVersion: version = agentVersion } = options;
  const shelf = new Shelf(await findPackages(driverPlaces(home, agentFolder)), options);
  const listed: ListedDriver[] = builtIn.modules.map(({ kind, name }) => ({ kind, name, version, origin: "built in" }));
  for (const found of shelf.packages) {
    const { modules, troubles } = await shelf.load(found);
    const common = { version: found.version, origin: found.folder, package: found.name };
    for (const module of modules) {
      const { kind, name } = module;
      const taken = takenName(module, builtIn);
      const earlier = listed.find((each) => each.kind === kind && each.name === name && each.trouble === undefined);
      const trouble =
        taken !== undefined
          ? sentence(takenTrouble(taken, found))
          : earlier === undefined
            ? undefined
            : `the one in ${earlier.origin} is used`;
      listed.push({ kind, name, ...common, ...(trouble === undefined ? {} : { trouble }) });
    }
    const absent = found.drivers.filter((wanted) => !modules.some((module) => answersTo(module, wanted)));
    const why = troubles.length > 0 ? troubles.map(sentence).join("; ") : undefined;
    for (const wanted of absent)
      listed.push({ ...wanted, ...common, trouble: why ?? sentence(missing(wanted, found)) });
    if (absent.length === 0 && why !== undefined) {
      listed.push({ kind: found.drivers[0]?.kind ?? "source", name: "?", ...common, trouble: why });
    }
  }
  return listed;
}
