import { readFileSync } from "node:fs";

/** The package's own version, read once from the package.json two folders up (src/sdk and dist/sdk alike). */
function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const version = (manifest as { readonly version?: unknown }).version;
  return typeof version === "string" ? version : "0.0.0";
}

export const agentVersion = readVersion();
