/**
 * Makes few files of the many that the TypeScript compiler wrote: a command that reads the configuration would open 370
 * of them, and an agent that starts 540, which costs more than all that they do. What a package imports (`exports` and `bin` of
 * package.json) keeps its place; the rest goes to chunks/, with the packages that every command needs. Names, lines and
 * comments stay as they are, and each part says which file it was, so that a stack trace and a debugger remain of use.
 */
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative } from "node:path";
import { rolldown } from "rolldown";

/** What others import by its place (the addon's loader: the benchmarks). All share their chunks: there is one of each class. */
const ENTRIES = ["index", "cli/main", "cli/debugger-signal", "native/load", "sdk/kit", "sdk/testing/contract-suites"];
/** The others look for files of their own, or are loaded only by an agent that needs them. */
const BUNDLED = ["commander", "hono", "@hono/node-server", "yaml", "zod"];
const isBundled = (name) => BUNDLED.some((each) => name === each || name.startsWith(`${each}/`));
const isPath = (name) => /^[./]/.test(name);

const { dependencies, peerDependencies } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
const INSTALLED = Object.keys({ ...dependencies, ...peerDependencies });

/** Whether it stays an import; one that would be found nowhere ends the build. */
function staysImport(name) {
  if (isPath(name) || isBundled(name)) return false;
  const isThere = isBuiltin(name) || INSTALLED.some((each) => `${name}/`.startsWith(`${each}/`));
  if (!isThere) throw new Error(`the bundle imports ${name}, which package.json does not name`);
  return true;
}

/** A module that asks where it is means its place among the files of the compiler. */
const PLACE = /import\.meta\.(url|dirname)/g;
const MARK = /__PLACE_(url|dirname)\("([^"]+)"\)/g;
const keepPlaces = (folder) => ({
  name: "keep-places",
  transform(code, id) {
    if (!id.startsWith(`${folder}/`)) return null;
    const place = relative(folder, id);
    // Rolldown would import a package to keep this word out of what may stand in a page of HTML.
    const written = code.replaceAll("</script", "<\\/script");
    return written.replace(PLACE, (_, what) => `__PLACE_${what}(${JSON.stringify(place)})`);
  },
  renderChunk(code, { fileName }) {
    return code.replace(MARK, (_, what, place) => {
      const path = relative(dirname(fileName), place);
      if (what === "url") return `new URL(${JSON.stringify(path)}, import.meta.url).href`;
      return `\`\${import.meta.dirname}/${dirname(path)}\``;
    });
  },
});

/** @param folder What the compiler wrote; it holds the bundle instead when the promise resolves. */
export async function bundle(folder) {
  const compiled = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".js"));
  const written = join(folder, "bundle");
  const build = await rolldown({
    cwd: folder,
    input: Object.fromEntries(ENTRIES.map((name) => [name, join(folder, `${name}.js`)])),
    platform: "node",
    external: staysImport,
    plugins: [keepPlaces(folder)],
    treeshake: { moduleSideEffects: true },
  });
  await build.write({
    dir: written,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    minifyInternalExports: false,
  });
  await build.close();
  for (const name of compiled) rmSync(join(folder, name));
  cpSync(written, folder, { recursive: true });
  rmSync(written, { recursive: true });
}
