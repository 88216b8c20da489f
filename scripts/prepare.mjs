// What npm runs for `npm ci` and `npm install` in a checkout: builds the addon and dist/. npm runs the same script where nobody asked for a build:
// for `npx fustor-agent`, which then must not work for a minute without a word, and for `npm pack`, which has a step of its own.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { placeAddons } from "./package/place-addons.mjs";
import { ownBuild } from "./package/platforms.mjs";

const ROOT = resolve(import.meta.dirname, "..");
const command = process.env.npm_command;

function tellTerminal(text) {
  try {
    writeFileSync("/dev/tty", text);
  } catch {
    // None is there.
  }
}

function build() {
  const { status } = spawnSync(process.execPath, [join(ROOT, "scripts", "build.mjs")], { stdio: "inherit" });
  // So that an installation from a git address, which npm packs behind this script, brings its addon along.
  if (status === 0) placeAddons();
  return status ?? 1;
}

if (command === "exec") {
  if (!existsSync(ownBuild) || !existsSync(join(ROOT, "dist", "cli", "main.js"))) {
    // npx swallows what this script says, and ends without a word when it fails: without, it says that fustor-agent was not found.
    tellTerminal(`fustor-agent: ${ROOT} is a checkout that is not built: run \`npm ci\` or \`npm run build\` there\n`);
  }
} else if (command !== "pack") {
  process.exitCode = build();
}
