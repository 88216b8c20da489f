// The platforms that addons are packed for, and where the parts lie.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "..", "..");
export const ADDON_NAME = "fustor_agent.node";
export const TARBALLS = join(ROOT, "build", "tarballs");

/** The oldest C library that the addons for glibc run with: that of RHEL 8 and Debian 10. */
export const GLIBC_FLOOR = "2.28";

/** @typedef {{ name: string, cpu: string, libc: string, zigTarget: string, elfMachine: string }} Platform */

/** @type {Platform[]} */
export const PLATFORMS = [
  ["x64", "x86_64", "Advanced Micro Devices X86-64"],
  ["arm64", "aarch64", "AArch64"],
].flatMap(([cpu, zigCpu, elfMachine]) => [
  { name: `linux-${cpu}-glibc`, cpu, libc: "glibc", zigTarget: `${zigCpu}-linux-gnu.${GLIBC_FLOOR}`, elfMachine },
  { name: `linux-${cpu}-musl`, cpu, libc: "musl", zigTarget: `${zigCpu}-linux-musl`, elfMachine },
]);

export const packageFolder = (name) => join(ROOT, "packages", name);
export const packedAddon = (name) => join(packageFolder(name), ADDON_NAME);
export const ownBuild = join(ROOT, "build", "Release", ADDON_NAME);

export function ownPlatform() {
  const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? "musl" : "glibc";
  return `linux-${process.arch}-${libc}`;
}

export const readManifest = (folder = ROOT) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
