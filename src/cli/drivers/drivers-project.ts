/** `<home>/drivers`: a project of npm's whose dependencies are the drivers that a user added. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import { ensureHome, resolveHome } from "../../config/home.ts";
import { distrustOfPath, requireTrusted } from "../../config/trusted-files.ts";
import { driversFolder } from "../../drivers/find-packages.ts";
import { type ListedDriver, listDrivers } from "../../drivers/installed-drivers.ts";
import { linkSdk } from "../../drivers/sdk-link.ts";
import { describeError } from "../../sdk/index.ts";
import { keepTarball, sweepTarballs } from "./kept-tarballs.ts";
import { changeDrivers } from "./npm.ts";

const MANIFEST = { name: "fustor-drivers", private: true, description: "Drivers that were added to this agent" };

export class DriversProject {
  readonly home: string;
  readonly #folder: string;

  constructor(home: string) {
    this.home = home;
    this.#folder = driversFolder(home);
  }

  /** That of the home; both are made when they are missing. */
  static async open(): Promise<DriversProject> {
    const home = resolveHome(process.env);
    await ensureHome(home);
    const project = new DriversProject(home);
    await project.#make();
    return project;
  }

  async #make(): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      requireTrusted([this.#folder]);
      const manifest = join(this.#folder, "package.json");
      if (!existsSync(manifest)) await writeFile(manifest, `${JSON.stringify(MANIFEST, null, 2)}\n`, { mode: 0o600 });
    } catch (error) {
      throw fileTrouble(error, this.#folder, "made");
    }
  }

  /** Package -> what was asked for. */
  dependencies(): Readonly<Record<string, string>> {
    const manifest = join(this.#folder, "package.json");
    try {
      return JSON.parse(readFileSync(manifest, "utf8")).dependencies ?? {};
    } catch (error) {
      const cure = "correct it, or remove it and add the drivers again";
      throw new Error(`${manifest} cannot be read: ${cure}`, { cause: error });
    }
  }

  /** A package by its name, a tarball or a folder; resolves with the packages that came or changed. */
  async add(what: string): Promise<readonly string[]> {
    const before = this.dependencies();
    const path = pathOf(what);
    const asked = path === undefined ? what : await keepTarball(this.#folder, path);
    try {
      await changeDrivers(this.#folder, "install", asked);
    } catch (error) {
      throw isBareFolder(what) ? new Error(`${describeError(error)}\n${folderHint(what)}`) : error;
    } finally {
      await this.#sweep();
    }
    await linkSdk(this.home);
    const after = Object.entries(this.dependencies());
    const changed = after.filter(([name, range]) => before[name] !== range).map(([name]) => name);
    // The same once more: npm does not say which it was.
    return changed.length > 0
      ? changed
      : after.filter((dependency) => isOf(asked, dependency, this.#folder)).map(([name]) => name);
  }

  async remove(packageName: string): Promise<void> {
    await changeDrivers(this.#folder, "uninstall", packageName);
    await this.#sweep();
    await linkSdk(this.home);
  }

  /** What npm has replaced or did not take is not kept. */
  #sweep(): Promise<void> {
    return sweepTarballs(this.#folder, Object.values(this.dependencies()));
  }

  list(): Promise<readonly ListedDriver[]> {
    return listDrivers({ home: this.home, distrust: distrustOfPath });
  }
}

/** npm writes paths as they lead from the project's folder. */
const fileOf = (range: string, folder: string): string | undefined =>
  range.startsWith("file:") ? resolve(folder, range.slice("file:".length)) : undefined;

/** Whether the dependency `name` with this range is what npm was asked for. */
export const isOf = (asked: string, [name, range]: readonly [string, string], folder: string): boolean =>
  fileOf(range, folder) === asked || range === asked || name === asked || asked.startsWith(`${name}@`);

/** Of a package that is no path: `https:`, `git+ssh:`, `npm:`. */
const SCHEME = /^(?!file:)[a-z][a-z0-9+.-]*:/i;

/** As npm reads it. */
const PATH = /^(?:file:|[./])|\.(?:tgz|tar\.gz|tar)$/i;

/**
 * The folder or tarball that is meant, from where the user is. Undefined for everything else, as with npm: a bare name is
 * that of a package in the registry, also when a folder is called so.
 */
export const pathOf = (what: string): string | undefined =>
  SCHEME.test(what) || !PATH.test(what) ? undefined : resolve(what.replace(/^file:/, ""));

const isBareFolder = (what: string): boolean =>
  pathOf(what) === undefined && !SCHEME.test(what) && statSync(what, { throwIfNoEntry: false })?.isDirectory() === true;

const folderHint = (what: string): string =>
  `"${what}" is the name of a package in the registry. There is a folder of that name, too: to add it, write ./${what}`;
