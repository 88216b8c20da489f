/** What has to agree so that one tarball is whole, and so that npm asks no registry for packages that are not published. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import semver from "semver";
import { expect, test } from "vitest";
import { PLATFORMS, packageOf } from "../../../src/native/platform.ts";

const ROOT = resolve(import.meta.dirname, "../../..");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly files: readonly string[];
  readonly os: readonly string[];
  readonly cpu: readonly string[];
  readonly libc: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly bundleDependencies: readonly string[];
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly engines: { readonly node: string };
}

interface Locked {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, Locked>>;
}

const read = <T>(...path: string[]): T => JSON.parse(readFileSync(join(ROOT, ...path), "utf8")) as T;
/** Folders below packages/ that hold drivers. */
const DRIVERS = readdirSync(join(ROOT, "packages")).filter((name) => /^(source|sender)-/.test(name));
const own = read<Manifest>("package.json");
const lock = read<Lock>("package-lock.json");

test("there is a package for each platform that the loader knows", () => {
  const all = readdirSync(join(ROOT, "packages"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const folders = all.map(({ name }) => name).filter((name) => !DRIVERS.includes(name));
  expect(folders.sort()).toEqual([...PLATFORMS].sort());
  expect(Object.keys(own.optionalDependencies).sort()).toEqual(PLATFORMS.map(packageOf).sort());
});

test.each([...PLATFORMS])("the package for %s says for which machines it is, and is of our version", (platform) => {
  const [os = "", cpu = "", libc = ""] = platform.split("-");
  const manifest = read<Manifest>("packages", platform, "package.json");
  expect(manifest).toMatchObject({
    name: packageOf(platform),
    version: own.version,
    os: [os],
    cpu: [cpu],
    libc: [libc],
  });
  expect(manifest.files).toEqual(["fustor_agent.node", "THIRD-PARTY.md"]);
  expect(own.optionalDependencies[manifest.name]).toBe(own.version);
});

test("everything that is needed at run time is bundled", () => {
  const needed = Object.keys({ ...own.dependencies, ...own.optionalDependencies });
  expect([...own.bundleDependencies].sort()).toEqual(needed.sort());
});

test("npm has no install script to ask about: each is allowed or not", () => {
  const withScript = Object.entries(lock.packages).filter(([path, { hasInstallScript }]) => path && hasInstallScript);
  const names = withScript.map(([path]) => path.replace(/^.*node_modules\//, ""));
  expect(Object.keys(own.allowScripts).sort()).toEqual(names.sort());
});

test.each([...PLATFORMS])("npm takes the package for %s from this checkout", (platform) => {
  expect(lock.packages[`node_modules/${packageOf(platform)}`]).toEqual({
    resolved: `packages/${platform}`,
    link: true,
  });
});

test.each(DRIVERS)(
  "the driver in packages/%s is of our version and leaves the agent to the one that runs it",
  (name) => {
    const manifest = read<Manifest>("packages", name, "package.json");
    const [kind = "", ...rest] = name.split("-");
    expect(manifest).toMatchObject({
      name: `@fustor/${name}`,
      version: own.version,
      fustor: { names: expect.arrayContaining([`${kind}:${rest.join("-")}`]) },
      peerDependencies: { "fustor-agent": expect.stringMatching(/^>=/) },
      peerDependenciesMeta: { "fustor-agent": { optional: true } },
    });
    expect(lock.packages[`node_modules/${manifest.name}`]).toEqual({ resolved: `packages/${name}`, link: true });
  },
);

test("no driver is a dependency of the agent", () => {
  const held = [...Object.keys({ ...own.dependencies, ...own.optionalDependencies }), ...own.bundleDependencies];
  expect(held.filter((name) => /^@fustor\/(source|sender)-/.test(name))).toEqual([]);
});

/** Where Node finds a package that a package in the folder `from` names. */
function lockedAt(from: string, name: string): string | undefined {
  const place = `${from === "" ? "" : `${from}/`}node_modules/${name}`;
  if (place in lock.packages) return place;
  return from === "" ? undefined : lockedAt(from.slice(0, Math.max(0, from.lastIndexOf("/node_modules/"))), name);
}

function reachedFrom(folder: string, reached = new Set<string>()): ReadonlySet<string> {
  for (const name of Object.keys(lock.packages[folder]?.dependencies ?? {})) {
    const place = lockedAt(folder, name);
    if (place === undefined || reached.has(place)) continue;
    reached.add(place);
    reachedFrom(place, reached);
  }
  return reached;
}

test("all that the agent depends on runs on the oldest Node that it allows", () => {
  const oldest = semver.minVersion(own.engines.node) ?? expect.unreachable("engines.node is no range");
  const reached = [...reachedFrom("")];
  expect(reached).toContain("node_modules/undici");
  const tooNew = reached.filter((place) => !semver.satisfies(oldest, lock.packages[place]?.engines?.node ?? "*"));
  expect(tooNew).toEqual([]);
});
