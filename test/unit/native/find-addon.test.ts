import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { findAddon, loadAddonFrom } from "../../../src/native/load.ts";
import { PLATFORMS, packageOf, platformOf, thisMachine } from "../../../src/native/platform.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const OWN_BUILD = join(ROOT, "build/Release/fustor_agent.node");
const isRoot = process.getuid?.() === 0;
const X64 = { os: "linux", arch: "x64", glibc: "2.36" };

afterAll(removeTempFolders);

function put(...segments: string[]): string {
  const file = join(...segments);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, file.endsWith(".json") ? "{}" : "");
  return file;
}

const installed = (): string => {
  const root = join(createTempFolder("installed"), "node_modules", "fustor-agent");
  put(root, "package.json");
  return root;
};

/** Inside it, as npm puts bundled packages. */
const bundled = (root: string, platform: string): string => join(root, "node_modules", packageOf(platform));
/** Beside it, as npm puts what is named on the command line. */
const beside = (root: string, platform: string): string => join(root, "..", packageOf(platform));

const message = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    expect(error).toMatchObject({ code: "FUSTOR_NATIVE_UNAVAILABLE" });
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
};

describe("the addon", () => {
  test("of a checkout goes before that of a package", () => {
    const root = installed();
    put(bundled(root, "linux-x64-glibc"), "fustor_agent.node");
    const own = put(root, "build/Release/fustor_agent.node");
    expect(findAddon(root, X64)).toEqual({ file: own, origin: "checkout" });
  });

  test.each([
    [X64, "linux-x64-glibc"],
    [{ os: "linux", arch: "arm64", glibc: "2.28" }, "linux-arm64-glibc"],
    [{ os: "linux", arch: "x64", glibc: undefined }, "linux-x64-musl"],
    [{ os: "linux", arch: "arm64", glibc: undefined }, "linux-arm64-musl"],
  ])("of a package is that of the machine: %o", (machine, platform) => {
    const root = installed();
    for (const other of PLATFORMS) put(bundled(root, other), "fustor_agent.node");
    const file = join(bundled(root, platform), "fustor_agent.node");
    expect(findAddon(root, machine)).toEqual({ file, origin: "package" });
  });

  test("is found beside the package when the one inside was packed without it", () => {
    const root = installed();
    put(bundled(root, "linux-x64-glibc"), "package.json");
    const file = put(beside(root, "linux-x64-glibc"), "fustor_agent.node");
    expect(findAddon(root, X64)).toEqual({ file, origin: "package" });
  });

  test("that is missing in a package: says what was looked for and which tarball to install", () => {
    const root = installed();
    const said = message(() => findAddon(root, X64));
    expect(said).toContain(`looked for ${root}/build/Release/fustor_agent.node and @fustor/agent-linux-x64-glibc`);
    expect(said).toMatch(/install fustor-agent-linux-x64-glibc-\d+\.\d+\.\d+\S*\.tgz beside it/);
  });

  test("that is missing in a checkout: says what to run", () => {
    const root = installed();
    put(root, "native/CMakeLists.txt");
    expect(message(() => findAddon(root, X64))).toMatch(/: run `npm run build:native`$/);
  });

  test("for a machine that none is made for: says for which there are some", () => {
    const said = message(() => findAddon(installed(), { ...X64, arch: "riscv64" }));
    expect(said).toContain("there is no addon for linux-riscv64-glibc, only for linux-x64-glibc, linux-arm64-glibc");
  });

  test("that this machine's C library is told from the program itself", () => {
    const listed = execFileSync("ldd", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    expect(listed).toContain(thisMachine().glibc ?? "musl");
    expect(PLATFORMS).toContain(platformOf(thisMachine()));
  });
});

describe("an addon that is there and does not load", () => {
  const mountNoexec = (): string => {
    const folder = createTempFolder("noexec");
    execFileSync("mount", ["-t", "tmpfs", "-o", "noexec,size=16m", "none", folder]);
    onTestFinished(() => {
      execFileSync("umount", ["--lazy", folder]);
    });
    return folder;
  };

  test.skipIf(!isRoot)("because the file system is mounted noexec: says so, and not to compile it again", () => {
    const file = join(mountNoexec(), "fustor_agent.node");
    copyFileSync(OWN_BUILD, file);
    for (const origin of ["checkout", "package"] as const) {
      const said = message(() => loadAddonFrom({ file, origin }));
      expect(said).toContain(`the native addon ${file} does not load: the file system it is on is mounted noexec`);
      expect(said).toContain("remount");
      expect(said).not.toContain("build:native");
    }
  });

  test("because it was made for another machine: says so", () => {
    const file = join(createTempFolder("foreign"), "fustor_agent.node");
    const bytes = readFileSync(OWN_BUILD);
    // e_machine of an ELF header.
    bytes.writeUInt16LE(bytes.readUInt16LE(18) === 183 ? 62 : 183, 18);
    writeFileSync(file, bytes);
    const said = message(() => loadAddonFrom({ file, origin: "package" }));
    expect(said).toContain("made for another kind of machine: install the package again on this machine");
  });

  test.skipIf(!isRoot)("because this user may not read it: says so", () => {
    const folder = createTempFolder("unreadable");
    const file = join(folder, "fustor_agent.node");
    copyFileSync(OWN_BUILD, file);
    chmodSync(folder, 0o755);
    chmodSync(file, 0o600);
    process.seteuid?.(65534);
    try {
      expect(message(() => loadAddonFrom({ file, origin: "package" }))).toContain("this user may not read it");
    } finally {
      process.seteuid?.(0);
    }
  });

  test("because it is of another release: names both", () => {
    const file = join(createTempFolder("older"), "fustor_agent.node");
    const bytes = readFileSync(OWN_BUILD);
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
    const wanted = Buffer.from(`\0${version}\0`);
    const other = Buffer.from(`\0${version.replace(/^\d/, "9")}\0`);
    for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted)) other.copy(bytes, at);
    writeFileSync(file, bytes);
    expect(message(() => loadAddonFrom({ file, origin: "package" }))).toContain(`is of version 9${version.slice(1)}`);
  });
});
