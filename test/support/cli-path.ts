import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The built command line; run it with `process.execPath`. `FUSTOR_TEST_CLI` names another one, such as an installed package's. */
export function cliPath(): string {
  const path = process.env.FUSTOR_TEST_CLI ?? fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm run build\` first`);
  return path;
}
