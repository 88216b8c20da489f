// The console in a browser: src/console/web with its libraries becomes one script and one sheet, as they are and packed with gzip.
// The agent serves them (src/console/page-files.ts); no request goes elsewhere.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

const ROOT = resolve(import.meta.dirname, "..");
const WEB = join(ROOT, "src", "console", "web");

/** Returns the bytes of each file, packed. */
export function buildPage(folder) {
  mkdirSync(folder, { recursive: true });
  buildSync({
    entryPoints: { console: join(WEB, "main.tsx"), style: join(WEB, "style.css") },
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome111", "firefox113", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    tsconfigRaw: {},
    legalComments: "none",
    logLevel: "silent",
  });
  return ["console.js", "style.css"].map((name) => {
    const packed = gzipSync(readFileSync(join(folder, name)), { level: 9 });
    writeFileSync(join(folder, `${name}.gz`), packed);
    return { name, bytes: packed.byteLength };
  });
}
