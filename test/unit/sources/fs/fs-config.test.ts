import { describe, expect, test } from "vitest";
import { isFustorError } from "../../../../src/sdk/index.ts";
import { type FsSourceOptions, parseFsOptions } from "../../../../src/sources/fs/fs-config.ts";
import { configOf, dictForm, errorsOf } from "../../config/reading.ts";

const parse = (driverParams: Record<string, unknown>): FsSourceOptions =>
  parseFsOptions({ uri: "/data", driverParams, excludePaths: [] });

const refusalOf = (driverParams: Record<string, unknown>): string => {
  try {
    parse(driverParams);
  } catch (error) {
    if (isFustorError(error, "FUSTOR_CONFIG_INVALID")) return error.message;
    throw error;
  }
  return "";
};

describe("politeness of passes over the whole tree", () => {
  test("without the keys a pass runs as the process does", () => {
    expect(parse({})).toMatchObject({ scanNice: 0, scanIoPriority: 0, scanEntriesPerSecond: 0 });
  });

  test("idle and best-effort become the numbers of ioprio_set", () => {
    expect(parse({ scan_ionice: "idle" }).scanIoPriority).toBe(0x6000);
    expect(parse({ scan_ionice: "best-effort:0" }).scanIoPriority).toBe(0x4000);
    expect(parse({ scan_ionice: "best-effort:7" }).scanIoPriority).toBe(0x4007);
  });

  test.each([
    ["canary_interval_sec", -1, "at least 0"],
    ["scan_nice", 20, "0 to 19"],
    ["scan_nice", 1.5, "0 to 19"],
    ["scan_nice", -1, "at least 0"],
    ["scan_ionice", "best-effort:8", "idle"],
    ["scan_ionice", "realtime:0", "idle"],
    ["scan_ionice", 3, "idle"],
    ["scan_entries_per_second", -5, "at least 0"],
  ])("%s %s is refused with what would do", (key, value, cure) => {
    expect(refusalOf({ [key]: value })).toContain(cure);
    expect(refusalOf({ [key]: value })).toContain(key);
    expect(errorsOf(dictForm({ source: [`driver_params: {${key}: ${JSON.stringify(value)}}`] }))).toHaveLength(1);
  });

  test("what the configuration takes the source takes too", () => {
    const written = "driver_params: {scan_nice: 10, scan_ionice: idle, scan_entries_per_second: 5000}";
    const config = configOf(dictForm({ source: [written] }));
    const params = [...config.sources.values()][0]?.driverParams ?? {};
    expect(parse(params)).toMatchObject({ scanNice: 10, scanIoPriority: 0x6000, scanEntriesPerSecond: 5000 });
  });
});

test.each(["/data/odd-\uFFFD", "file:///data/odd-%FF"])("%s, which is not UTF-8, is refused with the cure", (uri) => {
  expect(() => parseFsOptions({ uri, driverParams: {}, excludePaths: [] })).toThrow(/not UTF-8.*ln -s/);
});
