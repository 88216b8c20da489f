import { z } from "zod";

/** What a user writes in `fusion-config/*.yaml`. Every file may hold a part; unknown keys are refused. */

const port = z.number().int().min(0).max(65_535);
const name = z.string().min(1);
/** Timers cannot wait for longer than 2^31 ms. */
const seconds = z.number().min(0).max(2_000_000);

/** An agent sends about 4 MiB at a time, and less after a 413. 10,000 rows with long paths are 16 MiB. */
export const DEFAULT_MAX_BODY_BYTES = 16_777_216;

/** An agent that is restarted comes back well before. */
export const DEFAULT_VIEW_RETENTION_SECONDS = 600;

const path = z.string().regex(/^\//, "Must be an absolute path");
const tls = { cert_file: path.optional(), key_file: path.optional() };

/** `driver_params` of a receiver over HTTP. */
export const httpParams = z.strictObject(tls);

const receiver = z.strictObject({
  /** `http`, or the receiver driver of an installed package. */
  driver: name.default("http"),
  bind_host: name.default("127.0.0.1"),
  port: port.default(8102),
  api_keys: z.array(z.strictObject({ key: name, pipe_id: name })).default([]),
  /** Largest request body in bytes, after decompression. */
  max_body_bytes: z.number().int().min(1024).max(1_073_741_824).default(DEFAULT_MAX_BODY_BYTES),
  /** Of the receiver driver; those of http are {@link httpParams}. */
  driver_params: z.record(z.string(), z.unknown()).default({}),
  disabled: z.boolean().default(false),
});

const view = z.strictObject({
  driver: z.literal("fs").default("fs"),
  api_keys: z.array(name).default([]),
  driver_params: z
    .strictObject({
      /** Seconds. */
      hot_file_threshold: seconds.default(30),
      /** Entries a tree query may touch; 0 = no limit. */
      max_tree_items: z.number().int().min(0).default(100_000),
      /** Seconds for which a complete view is kept after its last session was closed; 0 = as the real Fusion. */
      view_retention_sec: seconds.default(DEFAULT_VIEW_RETENTION_SECONDS),
    })
    .prefault({}),
  disabled: z.boolean().default(false),
});

const pipe = z.strictObject({
  receiver: name,
  views: z.array(name).min(1),
  audit_interval_sec: seconds.default(600),
  sentinel_interval_sec: seconds.default(120),
  session_timeout_seconds: z.number().int().min(1).max(86_400).default(30),
  allow_concurrent_push: z.boolean().default(true),
  disabled: z.boolean().default(false),
});

export const fusionFileSchema = z.strictObject({
  host: name.optional(),
  port: port.optional(),
  session_cleanup_interval: z.number().min(0.05).max(3600).optional(),
  /** Folder for the state, relative to the home; without it nothing is kept. */
  state_dir: name.optional(),
  /** TLS of the views' address. */
  ...tls,
  /** Known to the real Fusion; without effect here. */
  logging: z.record(z.string(), z.unknown()).optional(),
  receivers: z.record(z.string(), receiver).optional(),
  views: z.record(z.string(), view).optional(),
  pipes: z.record(z.string(), pipe).optional(),
});

export type FusionFile = z.output<typeof fusionFileSchema>;

/** The keys that may stand where an unknown one was found; the path is that of the mapping around it. */
export function knownKeysAt(path: readonly PropertyKey[]): readonly string[] {
  const [section, , inner] = path;
  if (section === undefined) return Object.keys(fusionFileSchema.shape);
  if (section === "receivers") return inner === "api_keys" ? ["key", "pipe_id"] : Object.keys(receiver.shape);
  if (section === "views") {
    return inner === "driver_params"
      ? ["hot_file_threshold", "max_tree_items", "view_retention_sec"]
      : Object.keys(view.shape);
  }
  return section === "pipes" ? Object.keys(pipe.shape) : [];
}
