/** `drivers new`: a package with a driver that works, a test of its contract and a readme, from share/driver-templates. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import type { DriverKind } from "../../sdk/index.ts";
import { agentVersion } from "../../sdk/version.ts";
import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

const TEMPLATES = resolve(import.meta.dirname, "../../../share/driver-templates");

/** What npm takes, in small letters. */
const PACKAGE_NAME = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]{0,99}$/;

interface NewDriver {
  readonly package: string;
  readonly name: string;
  readonly folder: string;
}

/** `fustor-source-demo` and `@x/fustor-source-demo` hold the driver `demo`, as does `demo`. */
function namesOf(kind: DriverKind, written: string, folder: string | undefined): NewDriver {
  const bare = written.slice(written.indexOf("/") + 1);
  const prefix = `fustor-${kind}-`;
  const name = bare.startsWith(prefix) ? bare.slice(prefix.length) : bare;
  return { package: written, name, folder: resolve(folder ?? bare) };
}

const isEmpty = async (folder: string): Promise<boolean> => !existsSync(folder) || (await readdir(folder)).length === 0;

export async function newDriver(
  kind: DriverKind,
  written: string,
  into: string | undefined,
  terminal: Terminal,
): Promise<number> {
  if (!PACKAGE_NAME.test(written)) {
    await terminal.complain("fustor-agent: that is no name for a package: use small letters, digits, -, _ and .");
    return EXIT.usage;
  }
  const made = namesOf(kind, written, into);
  if (!(await isEmpty(made.folder))) {
    await terminal.complain(`fustor-agent: ${made.folder} is not empty and was left as it is`);
    return EXIT.failure;
  }
  for (const file of await writePackage(kind, made)) await terminal.line(`wrote ${file}`);
  const steps = ["npm install", "npm test", "npm pack", `fustor-agent drivers add ./${tarballOf(made)}`];
  const folder = relative(".", made.folder) || ".";
  await terminal.line(`\nNext, in ${folder}:\n${steps.map((step) => `  ${step}`).join("\n")}`);
  return EXIT.done;
}

/** As `npm pack` calls it. */
const tarballOf = ({ package: name }: NewDriver): string => `${name.replace("@", "").replace("/", "-")}-1.0.0.tgz`;

async function writePackage(kind: DriverKind, made: NewDriver): Promise<readonly string[]> {
  const template = join(TEMPLATES, kind);
  const texts = { package: made.package, name: made.name, version: agentVersion, tarball: tarballOf(made) };
  const files = (await readdir(template, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const written: string[] = [];
  for (const { parentPath, name } of files) {
    const source = join(parentPath, name);
    const target = join(made.folder, relative(template, source).replace(".template", ""));
    const text = (await readFile(source, "utf8")).replaceAll(
      /\{\{(\w+)\}\}/g,
      (whole, key: string) => texts[key as keyof typeof texts] ?? whole,
    );
    try {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, text, { flag: "wx" });
    } catch (error) {
      throw fileTrouble(error, target, "written");
    }
    written.push(relative(".", target));
  }
  return written.toSorted();
}
