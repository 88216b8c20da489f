/** Packages of drivers as npm would lay them out, for tests of what is installed. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const ZOD = import.meta.resolve("zod");

/** Writes files below a folder, made as needed. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

export interface PackageText {
  readonly name: string;
  readonly manifest?: object;
  /** Of index.js, an ES module. */
  readonly code: string;
}

/** Writes the package below a folder `node_modules`; resolves with its folder. */
export function writePackage(modules: string, { name, manifest, code }: PackageText): string {
  const folder = join(modules, name);
  const own = { name, version: "1.2.3", type: "module", main: "index.js", ...manifest };
  writeFiles(folder, { "package.json": JSON.stringify(own), "index.js": code });
  return folder;
}

/** The members of a source in plain JavaScript; `more` overrides some of them. */
export const sourceText = (more = ""): string => `{
  schema: "demo", table: "rows", fields: ["path"], uri: "demo:1",
  open: async () => {},
  getMessageIterator: (_, { signal }) => ({ positionLost: true, batches: (async function* () {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  })() }),
  getSnapshotIterator: () => ({ chunks: (async function* () {})(), progress: () => ({ rows: 0 }) }),
  status: () => ({ availability: { state: "available" } }),
  onAvailability: () => () => {},
  close: async () => {},
  ${more}
}`;

/** A module that exports one source; \`members\` stand beside or instead of the usual ones. */
export const sourceCode = (name: string, members = "", driver = ""): string => `
import { z } from ${JSON.stringify(ZOD)};
export default {
  kind: "source", name: ${JSON.stringify(name)}, aliases: [], schema: z.object({}),
  create: async () => (${sourceText(driver)}),
  ${members}
};
`;
