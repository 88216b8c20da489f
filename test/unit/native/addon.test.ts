import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { loadAddon, loadAddonFrom } from "../../../src/native/load.ts";
import type { NativeScan } from "../../../src/native/scan.ts";
import { killChildren, startChild } from "../../support/child-process.ts";
import { ODD_NAMES } from "../../support/odd-entries.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";
import { waitFor } from "../../support/wait-for.ts";
import { wireName } from "../../support/wire-name.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const addon = loadAddon();

afterEach(killChildren);
afterAll(removeTempFolders);

describe("loading", () => {
  test("happens once", () => {
    expect(loadAddon()).toBe(addon);
  });

  test("tells the version of the package", () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
    expect(addon.engineVersion).toBe(version);
  });

  test("of a file that is no addon says so and keeps the cause", () => {
    const file = join(createTempFolder("addon"), "fustor_agent.node");
    writeFileSync(file, "no machine code");
    expect(() => loadAddonFrom({ file, origin: "checkout" })).toThrow(
      expect.objectContaining({
        code: "FUSTOR_NATIVE_UNAVAILABLE",
        message: expect.stringContaining("run `npm run build:native` on this machine"),
        cause: expect.any(Error),
      }),
    );
  });
});

describe("names", () => {
  test.each(ODD_NAMES.map((name) => [name.toString("latin1"), name]))(
    "%j has the wire form the tests' own encoder gives, and comes back",
    (_, name) => {
      const wire = addon.encodeName(name);
      expect(wire).toBe(wireName(name));
      expect(addon.decodeName(wire)).toEqual(name);
    },
  );

  test.each([
    ["a mark without digits", "a\u201b"],
    ["lower-case digits", "a\u201bff"],
    ["an escape that was not needed", "a\u201b41"],
    ["escapes that make a character", "\u201bC3\u201bA9"],
    ["a lone high surrogate", "a\ud800"],
    ["a lone low surrogate", "\udc00a"],
    ["a NUL", "a\0b"],
  ])("%s decodes to nothing", (_, text) => {
    expect(addon.decodeName(text)).toBeNull();
  });

  test("beyond the basic plane come back", () => {
    expect(addon.decodeName("\u{1F600}")).toEqual(Buffer.from("\u{1F600}"));
  });
});

describe("the lock of a file", () => {
  test("is held once, and can be taken again after unlock", () => {
    const path = join(createTempFolder("lock"), "lock");
    const first = addon.lockFile(path);
    expect(first).not.toBeNull();
    expect(addon.lockFile(path)).toBeNull();
    first?.unlock();
    first?.unlock();
    const again = addon.lockFile(path);
    expect(again).not.toBeNull();
    first?.unlock(); // an old handle does not open what somebody else holds
    expect(addon.lockFile(path)).toBeNull();
    again?.unlock();
  });

  test("creates the file for its owner alone", () => {
    const path = join(createTempFolder("lock"), "lock");
    addon.lockFile(path)?.unlock();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("keeps what is in the file", () => {
    const path = join(createTempFolder("lock"), "lock");
    writeFileSync(path, "content");
    addon.lockFile(path)?.unlock();
    expect(readFileSync(path, "utf8")).toBe("content");
  });

  test("says why when there is no place for it", () => {
    expect(() => addon.lockFile("/nowhere/lock")).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  test("goes with the process that held it, but not into its children", async () => {
    const path = join(createTempFolder("lock"), "lock");
    const script = `
      const { spawn } = require("node:child_process");
      const addon = require(${JSON.stringify(join(ROOT, "build/Release/fustor_agent.node"))});
      if (addon.lockFile(${JSON.stringify(path)}) === null) process.exit(1);
      spawn("sleep", ["60"], { stdio: "ignore" }).once("spawn", () => console.log("locked"));
      setInterval(() => undefined, 1000);
    `;
    const holder = startChild({ command: process.execPath, args: ["-e", script] });
    await waitFor(() => holder.output().includes("locked"), { timeoutMs: 10_000, what: () => holder.output() });
    expect(addon.lockFile(path)).toBeNull();
    holder.signal("SIGKILL");
    await holder.exited;
    const taken = addon.lockFile(path);
    expect(taken).not.toBeNull();
    taken?.unlock();
  });
});

describe("the border to JavaScript", () => {
  test("takes nothing that it could stumble over", async () => {
    const root = createTempFolder("border");
    const any = addon as unknown as Record<string, (...args: unknown[]) => unknown>;
    const call = (name: string, ...args: unknown[]): unknown => (any[name] as (...args: unknown[]) => unknown)(...args);
    const scan = call("createScan", root) as NativeScan;
    expect((await scan.next())?.rowCount).toBe(1);
    const Scan = scan.constructor as new (...args: unknown[]) => unknown;
    for (const args of [[], [5], [{}], [null]]) expect(() => new Scan(...args)).toThrow(TypeError);
    for (const steps of [undefined, 5, "x", [5], [{}], [{ target: "a" }]]) {
      expect(() => call("createRowMapper", steps)).toThrow(TypeError);
    }
    expect(() => call("createWatch", root, {})).toThrow(TypeError);
    expect(() => call("encodeName", "text")).toThrow(TypeError);
    expect(() => call("isHungUp", "1")).toThrow(TypeError);
    scan.cancel();
  });

  test("maps no rows whose places lie outside of the bytes, wherever the wrong one stands", () => {
    const mapper = addon.createRowMapper([{ target: ["path"], source: "path" }] as never);
    const rows = Buffer.from('{"path":"/a"},{"path":"/b"},');
    const map = (...starts: number[]) => mapper.map(rows, Uint32Array.from(starts), 0, starts.length - 1);
    expect(map(0, 14, 28).end).toBe(2);
    for (const starts of [
      [0, 1_000_000, 28],
      [0, 14, 30],
      [14, 0, 28],
      [0xffffffff, 0, 28],
    ]) {
      expect(() => map(...starts)).toThrow(RangeError);
    }
    for (const args of [
      ["x", 5],
      [rows, [0, 14]],
      [rows, new Int32Array(2)],
      [new Float64Array(2), new Uint32Array(2)],
    ]) {
      expect(() => (mapper.map as (...args: unknown[]) => unknown)(...args, 0, 1)).toThrow(TypeError);
    }
  });
});
