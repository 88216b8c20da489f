/** What the package.json of a package says of its drivers. Pure: no code of the package runs for it. */
import { isAbsolute, join, relative } from "node:path";
import type { DriverKind } from "../sdk/index.ts";

/** A driver as a configuration names it. */
export interface DriverName {
  readonly kind: DriverKind;
  readonly name: string;
}

/** A package that says that it holds drivers. */
export interface DriverPackage {
  readonly name: string;
  readonly version: string;
  /** Its own folder, links resolved. */
  readonly folder: string;
  /** Absolute path of the module that is imported; undefined when the manifest names none that will do. */
  readonly entry: string | undefined;
  /** What the package.json says that it holds. */
  readonly drivers: readonly DriverName[];
  /** Receiver drivers of the embedded Fusion -> absolute path of the module of each. */
  readonly receivers: ReadonlyMap<string, string>;
  /** It may hold others, too: only its module knows. */
  readonly mayHoldOthers: boolean;
  /** Versions of the agent that it is made for: `peerDependencies` of `fustor-agent`. */
  readonly sdkRange: string | undefined;
}

type Members = Readonly<Record<string, unknown>>;

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

const BY_CONVENTION = /^(?:@[^/]+\/)?fustor-(source|sender)-(.+)$/;

/** `fustor-source-demo` and `@x/fustor-source-demo` hold the source `demo`. */
function nameByConvention(packageName: string): DriverName | undefined {
  const [, kind, name] = BY_CONVENTION.exec(packageName) ?? [];
  return kind === undefined || name === undefined ? undefined : { kind: kind as DriverKind, name };
}

/** `"source:s3"` of the member `fustor.names`. */
function writtenName(written: unknown): DriverName | undefined {
  const [, kind, name] = /^(source|sender):(.+)$/.exec(textOf(written) ?? "") ?? [];
  return kind === undefined || name === undefined ? undefined : { kind: kind as DriverKind, name };
}

/** The module of `exports` or `main`, as `import` would find it. */
function mainOf({ exports, main }: Members): string | undefined {
  const own = isMembers(exports) && "." in exports ? exports["."] : exports;
  return own === undefined ? (textOf(main) ?? "index.js") : conditional(own);
}

function conditional(target: unknown): string | undefined {
  if (!isMembers(target)) return textOf(target);
  for (const condition of ["node", "import", "default"]) {
    const found = condition in target ? conditional(target[condition]) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Undefined for a path that leads out of the package. */
function inside(folder: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  const path = join(folder, file);
  const way = relative(folder, path);
  return isAbsolute(file) || way === "" || way.startsWith("..") ? undefined : path;
}

/** `"receivers": {"grpc": "./receiver.js"}` of the member `fustor`. */
function receiversOf({ receivers }: Members, folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, file] of Object.entries(isMembers(receivers) ? receivers : {})) {
    const path = inside(folder, textOf(file));
    if (path !== undefined) found.set(name, path);
  }
  return found;
}

/** The package as far as it concerns drivers; undefined when it says nothing of any. */
export function driverPackage(manifest: unknown, folder: string): DriverPackage | undefined {
  if (!isMembers(manifest)) return undefined;
  const name = textOf(manifest.name);
  const fustor = isMembers(manifest.fustor) ? manifest.fustor : {};
  const module = textOf(fustor.drivers);
  const conventional = name === undefined ? undefined : nameByConvention(name);
  if (name === undefined || (module === undefined && conventional === undefined)) return undefined;
  const listed = Array.isArray(fustor.names) ? fustor.names.map(writtenName).filter((each) => each !== undefined) : [];
  const peers = isMembers(manifest.peerDependencies) ? manifest.peerDependencies : {};
  return {
    name,
    version: textOf(manifest.version) ?? "0.0.0",
    folder,
    entry: inside(folder, module ?? mainOf(manifest)),
    drivers: [...(conventional === undefined ? [] : [conventional]), ...listed],
    receivers: receiversOf(fustor, folder),
    mayHoldOthers: module !== undefined && listed.length === 0,
    sdkRange: textOf(peers["fustor-agent"]),
  };
}
