/** Finds the addon, or says in one sentence where it looked and what to do. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { FustorError } from "../sdk/index.ts";
import type { Addon } from "./addon.ts";
import { type AddonFile, describeLoadFailure } from "./load-failure.ts";
import { type Machine, PLATFORMS, packageOf, platformOf, thisMachine } from "./platform.ts";

/** The same folder seen from src/native and from dist/native. */
const ROOT = resolve(import.meta.dirname, "../..");
const FILE_NAME = "fustor_agent.node";

let loaded: Addon | undefined;

/** The addon, loaded with the first call. Throws FUSTOR_NATIVE_UNAVAILABLE. */
export function loadAddon(): Addon {
  loaded ??= loadAddonFrom(findAddon());
  return loaded;
}

/** The addon that a checkout has built wins over one from a package. */
export function findAddon(root: string = ROOT, machine?: Machine): AddonFile {
  const checkout = resolve(root, "build/Release", FILE_NAME);
  if (existsSync(checkout)) return { file: checkout, origin: "checkout" };
  const platform = platformOf(machine ?? thisMachine());
  const wanted = `${packageOf(platform)}/${FILE_NAME}`;
  try {
    // Looks into one node_modules after the other, so a package beside this one counts as well as one inside.
    return { file: createRequire(resolve(root, "package.json")).resolve(wanted), origin: "package" };
  } catch (cause) {
    throw unavailable(
      `no native addon was found: looked for ${checkout} and ${wanted}: ${cureOf(root, platform)}`,
      cause,
    );
  }
}

/** Loads the addon from this file, without remembering it. */
export function loadAddonFrom(found: AddonFile): Addon {
  let addon: Addon;
  try {
    addon = createRequire(import.meta.url)(found.file) as Addon;
  } catch (error) {
    throw unavailable(describeLoadFailure(found, error instanceof Error ? error.message : String(error)), error);
  }
  const version = ownVersion();
  if (found.origin === "package" && addon.engineVersion !== version) {
    throw unavailable(
      `the native addon ${found.file} is of version ${addon.engineVersion}, fustor-agent of version ${version}: install both from the same release`,
    );
  }
  return addon;
}

function cureOf(root: string, platform: string): string {
  if (existsSync(resolve(root, "native/CMakeLists.txt"))) return "run `npm run build:native`";
  if ((PLATFORMS as readonly string[]).includes(platform)) {
    const tarball = `fustor-agent-${platform}-${ownVersion()}.tgz`;
    return `this package was made without the addon for ${platform}: install ${tarball} beside it, or a package made by \`npm run pack:all\``;
  }
  return `there is no addon for ${platform}, only for ${PLATFORMS.join(", ")}: run the agent from a checkout of its source, where \`npm ci\` builds one (docs/install.md)`;
}

const ownVersion = (): string => {
  const { version } = JSON.parse(readFileSync(resolve(ROOT, "package.json"), "utf8")) as { version: string };
  return version;
};

const unavailable = (message: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_NATIVE_UNAVAILABLE", message, { cause });
