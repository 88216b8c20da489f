import { describe, expect, test } from "vitest";
import { fsDriver } from "../../../../src/sources/fs/fs-driver.ts";
import { type FsSourceOptions, fsOptions } from "../../../../src/sources/fs/fs-options.ts";
import { fsParams } from "../../../../src/sources/fs/fs-params.ts";
import { entryCheck } from "../../../support/entry-check.ts";
import { configOf, dictForm, errorsOf } from "../../config/reading.ts";

const optionsOf = (params: Record<string, unknown>): FsSourceOptions =>
  fsOptions({ uri: "/data", params: fsParams.parse(params), excludePaths: [] });

const written = (params: Record<string, unknown>): string =>
  dictForm({ source: [`driver_params: ${JSON.stringify(params)}`] });

describe("throttling of passes over the whole tree", () => {
  test("without the keys a pass runs as the process does", () => {
    expect(optionsOf({})).toMatchObject({ scanNice: 0, scanIoPriority: 0, scanEntriesPerSecond: 0 });
  });

  test("idle and best-effort become the numbers of ioprio_set", () => {
    expect(optionsOf({ scan_ionice: "idle" }).scanIoPriority).toBe(0x6000);
    expect(optionsOf({ scan_ionice: "best-effort:0" }).scanIoPriority).toBe(0x4000);
    expect(optionsOf({ scan_ionice: "best-effort:7" }).scanIoPriority).toBe(0x4007);
  });

  test.each([
    ["canary_interval_sec", -1, "write seconds"],
    ["scan_nice", 20, "0 to 19"],
    ["scan_nice", 1.5, "0 to 19"],
    ["scan_nice", -1, "0 to 19"],
    ["scan_ionice", "best-effort:8", "idle"],
    ["scan_ionice", "realtime:0", "idle"],
    ["scan_ionice", 3, "put the value in quotes"],
    ["scan_entries_per_second", -5, "at least 0"],
  ])("%s %s is refused with what would do", (key, value, cure) => {
    const errors = errorsOf(written({ [key]: value }));
    expect(errors).toEqual([expect.stringContaining(cure)]);
    expect(errors[0]).toContain(`sources.src-1.driver_params.${key}: `);
  });
});

describe("audit: of a source", () => {
  test("without keys sweeps run on demand alone, and once a week in the mode hash", () => {
    expect(optionsOf({}).sweep).toMatchObject({
      mode: "stat",
      intervalMs: 0,
      workers: 1,
      digest: "xxh3",
      cpuPercent: 50,
    });
    expect(optionsOf({ audit: { mode: "hash" } }).sweep.intervalMs).toBe(7 * 24 * 3_600_000);
    expect(optionsOf({ audit: { mode: "hash", full_sweep_interval_sec: 0 } }).sweep.intervalMs).toBe(0);
  });

  test.each([
    [{ mode: "all" }, ".mode", "write names, stat or hash"],
    [{ hash: "md5" }, ".hash", "write xxh3, sha256 or blake3"],
    [{ workers: 0 }, ".workers", "1 to 16"],
    [{ min_age_sec: -1 }, ".min_age_sec", "write seconds"],
    [{ modde: "hash" }, "", 'has the unknown key "modde"'],
    ["hash", "", "is no set of keys"],
    [{ cpu_percent: 1601 }, ".cpu_percent", "0 to 1600"],
  ])("%j is refused at its key with what would do", (audit, key, text) => {
    const errors = errorsOf(written({ audit }));
    expect(errors).toEqual([expect.stringContaining(text)]);
    expect(errors[0]).toContain(`sources.src-1.driver_params.audit${key}: `);
  });
});

describe("what validate takes start takes, and what start cannot run validate refuses", () => {
  test.each(["poll", "parcel"])("a canary with the engine %s is refused at its key", (engine) => {
    const [error, ...more] = errorsOf(
      dictForm({ source: [`driver_params: {engine: ${engine}, canary_interval_sec: 5}`] }),
    );
    expect(more).toEqual([]);
    expect(error).toMatch(/^a\.yaml:5:\d+ sources\.src-1\.driver_params\.canary_interval_sec: has nothing to prove/);
    expect(error).toContain("remove it, or choose another engine");
  });

  test("a canary that is off goes with every engine", () => {
    expect(errorsOf(written({ engine: "poll", canary_interval_sec: 0 }))).toEqual([]);
  });

  test("max_watches: 0 is the kernel's limit, as it is without the key", () => {
    const params = configOf(written({ max_watches: 0 })).sources.get("src-1")?.driverParams ?? {};
    expect(optionsOf({ ...params }).maxWatches).toBe(0);
    expect(optionsOf({}).maxWatches).toBe(0);
  });

  test.each(["/data/odd-\uFFFD", "file:///data/odd-%FF"])("%s, which is not UTF-8, is refused with the cure", (uri) => {
    expect(errorsOf(dictForm({ source: [`uri: "${uri}"`] }))).toEqual([
      expect.stringMatching(/sources\.src-1\.uri: holds bytes that are not UTF-8.*ln -s/),
    ]);
  });

  test("the root that is compared and shared is the root that is watched", () => {
    const { check, errors } = entryCheck();
    const params = fsParams.parse({});
    expect(fsDriver.check?.({ uri: "/data//x/../y/", params }, check)?.uri).toBe("/data/y");
    expect(errors).toEqual([]);
  });

  test("every parameter has its default in the configuration, so that writing it changes nothing", () => {
    const bare = configOf(dictForm()).sources.get("src-1")?.driverParams;
    const spelled = configOf(written({ throttle_interval_sec: 1, poll_interval_sec: 60 })).sources.get("src-1");
    expect(spelled?.driverParams).toEqual(bare);
  });
});
