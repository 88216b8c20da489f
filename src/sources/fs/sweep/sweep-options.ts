/** `audit:` of an fs source: docs/config.md says what each key costs. */
import { z } from "zod";
import type { DigestName } from "../../../native/sweep.ts";
import type { SweepMode } from "../../../sdk/index.ts";
import { flag, interval, wholeNumber } from "../../../sdk/values.ts";

const MODES = ["names", "stat", "hash"] as const;
const DIGESTS = ["xxh3", "sha256", "blake3"] as const;
const MOST_WORKERS = 16;
const WEEK_SEC = 604_800;
const MIB = 1024 * 1024;

const shape = {
  mode: z.enum(MODES, { error: "is not a mode; write names, stat or hash" }).default("stat"),
  /** Absent: never by itself in the modes names and stat, once a week in the mode hash. */
  full_sweep_interval_sec: interval.optional(),
  entries_per_second: wholeNumber(0).default(50_000),
  bytes_per_second: wholeNumber(0).default(50 * MIB),
  cpu_percent: wholeNumber(0, 100 * MOST_WORKERS).default(50),
  max_file_bytes: wholeNumber(0).default(0),
  min_age_sec: interval.default(60),
  hash: z.enum(DIGESTS, { error: "is not a digest; write xxh3, sha256 or blake3" }).default("xxh3"),
  workers: wholeNumber(1, MOST_WORKERS).default(1),
  recall_offline_files: flag.default(false),
};

export const auditParams = z.strictObject(shape, {
  error: (issue) =>
    issue.code === "unrecognized_keys"
      ? `has the unknown key ${JSON.stringify(issue.keys[0])}; use ${Object.keys(shape).join(", ")}`
      : "is no set of keys; write mode: stat below it, for instance",
});

export interface SweepOptions {
  readonly mode: SweepMode;
  /** A sweep begins so long after the last one began, and takes its time; 0 = only when it is asked for. */
  readonly intervalMs: number;
  /** Limits of all workers together; 0 = none. */
  readonly entriesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of one processor. */
  readonly cpuPercent: number;
  readonly maxFileBytes: number;
  readonly minAgeSec: number;
  readonly digest: DigestName;
  readonly workers: number;
  readonly recall: boolean;
}

export function sweepOptions(params: z.output<typeof auditParams>): SweepOptions {
  const bySelf = params.mode === "hash" ? WEEK_SEC : 0;
  return {
    mode: params.mode,
    intervalMs: (params.full_sweep_interval_sec ?? bySelf) * 1000,
    entriesPerSecond: params.entries_per_second,
    bytesPerSecond: params.bytes_per_second,
    cpuPercent: params.cpu_percent,
    maxFileBytes: params.max_file_bytes,
    minAgeSec: Math.ceil(params.min_age_sec),
    digest: params.hash,
    workers: params.workers,
    recall: params.recall_offline_files,
  };
}
