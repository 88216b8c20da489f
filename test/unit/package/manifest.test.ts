/** What has to agree so that one tarball is whole, and so that npm asks no registry for packages that are not published. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
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
}

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly resolved?: string; readonly link?: boolean; readonly hasInstallScript?: boolean }>
  >;
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
