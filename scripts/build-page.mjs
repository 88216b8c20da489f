// The console in a browser: src/console/web with its libraries becomes one script and one sheet, as they are and packed with gzip.
// The agent serves them (src/console/page-files.ts); no request goes elsewhere. Rolldown bundles scripts and no sheets.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { bundleAsync, Features } from "lightningcss";
import { build } from "rolldown";

const WEB = resolve(import.meta.dirname, "..", "src", "console", "web");
const BROWSERS = { chrome: [111, 0], firefox: [113, 0], safari: [16, 4] };

async function buildScript() {
  const { output } = await build({
    input: join(WEB, "main.tsx"),
    platform: "browser",
    // That of src/console/web is for the check of types alone.
    tsconfig: false,
    transform: {
      target: Object.entries(BROWSERS).map(([name, version]) => `${name}${version.join(".")}`),
      jsx: { runtime: "automatic", importSource: "preact" },
    },
    output: { format: "esm", minify: true, comments: false, codeSplitting: false },
    write: false,
    onLog(level, log) {
      if (level === "warn") throw new Error(log.message);
    },
  });
  const [{ code, imports }] = output;
  if (imports.length > 0) throw new Error(`a browser has no ${imports.join(", ")}`);
  return code;
}

async function buildSheet() {
  const { resolve: find } = createRequire(join(WEB, "style.css"));
  const { code } = await bundleAsync({
    filename: join(WEB, "style.css"),
    minify: true,
    targets: Object.fromEntries(
      Object.entries(BROWSERS).map(([name, [major, minor]]) => [name, (major << 16) | (minor << 8)]),
    ),
    // No colour of ours is written as light-dark(), for which it would add variables.
    exclude: Features.LightDark,
    resolver: { resolve: (name) => (isAbsolute(name) ? name : find(name)) },
  });
  return code;
}

/** Returns the bytes of each file, packed. */
export async function buildPage(folder) {
  mkdirSync(folder, { recursive: true });
  const files = { "console.js": await buildScript(), "style.css": await buildSheet() };
  return Object.entries(files).map(([name, content]) => {
    const packed = gzipSync(content, { level: 9 });
    writeFileSync(join(folder, name), content);
    writeFileSync(join(folder, `${name}.gz`), packed);
    return { name, bytes: packed.byteLength };
  });
}
