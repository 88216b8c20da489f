/** Every driver there is, by the name that a configuration gives. */
import { nearest } from "../sdk/did-you-mean.ts";
import {
  type AnyDriverModule,
  type DriverKind,
  excerpt,
  FustorError,
  type SenderModule,
  type SourceModule,
} from "../sdk/index.ts";
import { echoDriver } from "../senders/echo/echo-driver.ts";
import { fusionDriver } from "../senders/fusion/fusion-driver.ts";
import { fsDriver } from "../sources/fs/fs-driver.ts";
import type { DriverName } from "./manifest.ts";
import type { ShapeDefect } from "./module-shape.ts";

/** A module of some schema is a module of any: who calls it hands over what its own schema let through. */
const BUILT_IN = [fsDriver, fusionDriver, echoDriver] as readonly AnyDriverModule[];

/** By its name or an alias. */
export const answersTo = (module: AnyDriverModule, { kind, name }: DriverName): boolean =>
  module.kind === kind && (module.name === name || module.aliases.includes(name));

export const driverKey = (kind: DriverKind, name: string): string => `${kind}:${name}`;

/** What is known of installed packages beside the drivers that were loaded from them. */
export interface InstalledFacts {
  /** What packages say that they hold, loaded or not. */
  readonly offered: readonly DriverName[];
  /** Why drivers that were named cannot be used, by {@link driverKey}. */
  readonly troubles: ReadonlyMap<string, ShapeDefect>;
}

const NOTHING_INSTALLED: InstalledFacts = { offered: [], troubles: new Map() };

export class DriverRegistry {
  readonly #modules: readonly AnyDriverModule[];
  readonly installed: InstalledFacts;

  constructor(modules: readonly AnyDriverModule[], installed: InstalledFacts = NOTHING_INSTALLED) {
    this.#modules = modules;
    this.installed = installed;
  }

  get modules(): readonly AnyDriverModule[] {
    return this.#modules;
  }

  source(name: string): SourceModule | undefined {
    return this.#find("source", name) as SourceModule | undefined;
  }

  sender(name: string): SenderModule | undefined {
    return this.#find("sender", name) as SenderModule | undefined;
  }

  /**
   * For a start: throws FUSTOR_DRIVER_UNKNOWN. A configuration that was loaded with the same registry never gets that
   * far.
   */
  requireSource(name: string): SourceModule {
    return this.source(name) ?? this.#unknown("source", name);
  }

  requireSender(name: string): SenderModule {
    return this.sender(name) ?? this.#unknown("sender", name);
  }

  /** Names and aliases, in the order of registration. */
  names(kind: DriverKind): readonly string[] {
    return this.#modules.filter((module) => module.kind === kind).flatMap(({ name, aliases }) => [name, ...aliases]);
  }

  #unknown(kind: DriverKind, name: string): never {
    throw new FustorError("FUSTOR_DRIVER_UNKNOWN", unknownDriver(this, kind, name).join(", "), {
      details: { driver: name, known: this.names(kind) },
    });
  }

  has(driver: DriverName): boolean {
    return this.#find(driver.kind, driver.name) !== undefined;
  }

  #find(kind: DriverKind, name: string): AnyDriverModule | undefined {
    return this.#modules.find((module) => answersTo(module, { kind, name }));
  }
}

/** The drivers that come with the agent; installed-drivers.ts adds those that a configuration names. */
export const knownDrivers = new DriverRegistry(BUILT_IN);

/** What is wrong with the name, and what to write. */
export function unknownDriver(
  drivers: DriverRegistry,
  kind: DriverKind,
  name: string,
): readonly [what: string, cure: string] {
  const trouble = drivers.installed.troubles.get(driverKey(kind, name));
  if (trouble !== undefined) return [trouble.what, trouble.cure];
  const offered = drivers.installed.offered.filter((each) => each.kind === kind).map((each) => each.name);
  const similar = nearest(name, [...drivers.names(kind), ...offered]);
  const cure = similar === undefined ? `write one of ${drivers.names(kind).join(", ")}` : `did you mean "${similar}"?`;
  return [`there is no ${kind} driver "${excerpt(name, 80)}"`, cure];
}
