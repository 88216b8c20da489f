import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The built command line; run it with `process.execPath`. */
export function cliPath(): string {
  const path = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  if (!existsSync(path)) throw new Error("dist/cli/main.js is missing: run `npm run build` first");
  return path;
}
