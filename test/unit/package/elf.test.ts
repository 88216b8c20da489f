import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";

interface Elf {
  findObstacles(addon: object, platform: object, floor?: string): string[];
  glibcNeeded(addon: object): string | undefined;
  inspectAddon(file: string): { machine: string; libraries: string[]; versions: string[]; exports: string[] };
}

const ROOT = resolve(import.meta.dirname, "../../..");
const { findObstacles, glibcNeeded, inspectAddon } = (await import(join(ROOT, "scripts/package/elf.mjs"))) as Elf;

const GLIBC = { name: "linux-x64-glibc", libc: "glibc", elfMachine: "Advanced Micro Devices X86-64" };
const MUSL = { ...GLIBC, name: "linux-x64-musl", libc: "musl" };
const GOOD = {
  machine: GLIBC.elfMachine,
  libraries: ["libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"],
  versions: ["GLIBC_2.2.5", "GLIBC_2.28", "GLIBC_2.9"],
  exports: ["napi_register_module_v1", "node_api_module_get_api_version_v1"],
};

afterAll(removeTempFolders);

describe("an addon", () => {
  test("that every machine of its platform loads has no obstacle", () => {
    expect(findObstacles(GOOD, GLIBC)).toEqual([]);
    expect(findObstacles({ ...GOOD, libraries: ["libc.so"], versions: [] }, MUSL)).toEqual([]);
  });

  test.each([
    ["another processor", { machine: "AArch64" }, GLIBC, "it is for AArch64, not for Advanced Micro Devices X86-64"],
    ["a newer glibc", { versions: ["GLIBC_2.9", "GLIBC_2.34"] }, GLIBC, "it needs glibc 2.34, newer than 2.28"],
    ["the C++ library", { versions: ["GLIBCXX_3.4.30"] }, GLIBC, "it needs GLIBCXX_3.4.30 of the C++ library"],
    ["a further library", { libraries: ["libstdc++.so.6"] }, GLIBC, "it needs libstdc++.so.6, which"],
    ["glibc where musl is", { libraries: [] }, MUSL, "it needs glibc 2.28"],
    ["no entry for Node", { exports: [] }, GLIBC, "it lacks napi_register_module_v1"],
    ["symbols of the C++ library", { exports: [...GOOD.exports, "_Znwm"] }, GLIBC, "it exports _Znwm"],
  ])("with %s is not packed", (_, change, platform, obstacle) => {
    expect(findObstacles({ ...GOOD, ...change }, platform).join("; ")).toContain(obstacle);
  });

  test("is read as it is: the one that was built here exports what Node asks for and nothing else", () => {
    const addon = inspectAddon(join(ROOT, "build/Release/fustor_agent.node"));
    expect([...addon.exports].sort()).toEqual(GOOD.exports);
    expect(addon.libraries).toContain("libc.so.6");
    expect(glibcNeeded(addon)).toMatch(/^2\.\d+$/);
  });

  test("that exports more is seen to", () => {
    const folder = createTempFolder("exports");
    writeFileSync(join(folder, "more.cc"), 'extern "C" int more() { return 1; }\n');
    const file = join(folder, "more.node");
    execFileSync("g++", ["-shared", "-fPIC", "-o", file, join(folder, "more.cc")]);
    expect(inspectAddon(file).exports).toContain("more");
  });
});
