/** Finds the addon, or says in one sentence what to do about it. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { FustorError } from "../sdk/index.ts";
import type { Addon } from "./addon.ts";

/** The same place seen from src/native and from dist/native. */
const ADDON_FILE = resolve(import.meta.dirname, "../../build/Release/fustor_agent.node");

let loaded: Addon | undefined;

/** The addon, loaded with the first call. Throws FUSTOR_NATIVE_UNAVAILABLE. */
export function loadAddon(): Addon {
  loaded ??= loadAddonFrom(ADDON_FILE);
  return loaded;
}

/** As loadAddon, from a file of the caller's choice and without remembering it. */
export function loadAddonFrom(file: string): Addon {
  const unavailable = (what: string, cause?: unknown): FustorError =>
    new FustorError("FUSTOR_NATIVE_UNAVAILABLE", `the native addon ${file} ${what}: run \`npm run build:native\``, {
      cause,
    });
  if (!existsSync(file)) throw unavailable("does not exist");
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (error) {
    throw unavailable("does not load", error);
  }
}
