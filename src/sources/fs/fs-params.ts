/** `driver_params` of the fs source: docs/config.md lists them with their defaults. */
import { z } from "zod";
import { flag, interval, text, texts, wholeNumber } from "../../sdk/values.ts";
import { auditParams } from "./sweep/sweep-options.ts";

/** What tells of changes. `parcel` is @parcel/watcher, for file systems and machines where neither kernel way works. */
const ENGINES = ["auto", "fanotify", "inotify", "parcel", "poll"] as const;
export type FsEngine = (typeof ENGINES)[number];

/** `message-only`: snapshots hold no rows; their end is sent all the same. Audits bring what stood there before. */
const STARTUP_MODES = ["full", "message-only"] as const;
export type StartupMode = (typeof STARTUP_MODES)[number];

/** Only the kernel's own events can be proven by a file that is made. */
const WITHOUT_EVENTS: ReadonlySet<FsEngine> = new Set(["parcel", "poll"]);

export const fsParams = z
  .object({
    file_pattern: text.default("*"),
    exclude: texts("is not a list of patterns; write one pattern per line after a dash").default([]),
    cross_mounts: flag.default(true),
    /** 0 = as many as there are cores. */
    max_scan_workers: wholeNumber(0, 256).default(0),
    throttle_interval_sec: interval.default(1),
    engine: z.enum(ENGINES, { error: "is not an engine; use auto, fanotify, inotify, parcel or poll" }).default("auto"),
    /** 0 = the kernel's limit alone. */
    max_watches: wholeNumber(0).default(0),
    poll_interval_sec: interval.default(60),
    remote_poll_interval_sec: interval.default(10),
    max_path_bytes: wholeNumber(0, 1_000_000).default(4096),
    canary_interval_sec: interval.default(0),
    startup_mode: z.enum(STARTUP_MODES, { error: "is not a mode; write full or message-only" }).default("full"),
    scan_nice: wholeNumber(0, 19).default(0),
    scan_ionice: text
      .regex(/^(idle|best-effort:[0-7])$/, {
        error: "is no io priority; write idle or best-effort:0 (first) to best-effort:7 (last)",
      })
      .optional(),
    scan_entries_per_second: wholeNumber(0).default(0),
    checkpoint_interval_sec: interval.default(0),
    /** Of the names that came and went since a checkpoint. */
    max_journal_megabytes: wholeNumber(1, 1_000).default(64),
    audit: auditParams.prefault({}),
  })
  .refine(({ engine, canary_interval_sec: canary }) => canary === 0 || !WITHOUT_EVENTS.has(engine), {
    path: ["canary_interval_sec"],
    error: "has nothing to prove with the engines poll and parcel; remove it, or choose another engine",
  });

export type FsParams = z.output<typeof fsParams>;

const NEVER_HELD_BACK = "files are not held back while they are hot; is_atomic_write tells complete ones";

/** Keys of the Python agent that change nothing here. */
export const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  max_sync_delay_seconds: "events are handed on as they arrive, there is no poll to shorten",
  min_monitoring_window_days: "every directory is watched, none is given up for its age",
  aged_interval: NEVER_HELD_BACK,
  hot_data_cooloff_seconds: NEVER_HELD_BACK,
  hot_file_cooloff_seconds: NEVER_HELD_BACK,
};
