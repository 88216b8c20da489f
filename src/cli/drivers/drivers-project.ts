/** `<home>/drivers`: a project of npm's whose dependencies are the drivers that a user added. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import { ensureHome, resolveHome } from "../../config/home.ts";
import { distrustOfPath, requireTrusted } from "../../config/trusted-files.ts";
import { driversFolder } from "../../drivers/find-packages.ts";
import { type ListedDriver, listDrivers } from "../../drivers/installed-drivers.ts";
import { linkSdk } from "../../drivers/sdk-link.ts";
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
    const { dependencies = {} } = JSON.parse(readFileSync(join(this.#folder, "package.json"), "utf8"));
    return dependencies;
  }

  /** A package by its name, a tarball or a folder; resolves with the packages that came or changed. */
  async add(what: string): Promise<readonly string[]> {
    const before = this.dependencies();
    await changeDrivers(this.#folder, "install", installable(what));
    await linkSdk(this.home);
    const after = Object.entries(this.dependencies());
    const changed = after.filter(([name, range]) => before[name] !== range).map(([name]) => name);
    // The same once more: npm does not say which it was.
    return changed.length > 0
      ? changed
      : after.filter(([name, range]) => isOf(what, name, range)).map(([name]) => name);
  }

  async remove(packageName: string): Promise<void> {
    await changeDrivers(this.#folder, "uninstall", packageName);
    await linkSdk(this.home);
  }

  list(): Promise<readonly ListedDriver[]> {
    return listDrivers({ home: this.home, distrust: distrustOfPath });
  }
}

const isOf = (what: string, name: string, range: string): boolean =>
  range.endsWith(what.replace(/^\.*\//, "")) || what === name || what.startsWith(`${name}@`);

/** A path that is there is meant as one; npm runs in another folder. */
function installable(what: string): string {
  const path = resolve(what);
  const isPath = isAbsolute(what) || what.startsWith(".") || what.endsWith(".tgz");
  if (isPath) return path;
  return existsSync(path) && statSync(path).isDirectory() && existsSync(join(path, "package.json")) ? path : what;
}
