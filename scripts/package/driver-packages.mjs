// The packages of drivers below packages/: workspaces of npm's, which the agent's own package knows nothing of.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./platforms.mjs";

export const driverFolders = () =>
  readdirSync(join(ROOT, "packages"))
    .filter((name) => /^(source|sender)-/.test(name))
    .map((name) => join(ROOT, "packages", name));
