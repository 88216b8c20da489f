/** What requests may hold and answers do hold. Members that are not named here may come with later versions. */
import { z } from "zod";
import { LOG_LEVELS } from "./log-lines.ts";

/** Without control characters: ids are written into the log. */
const name = z
  .string()
  .min(1)
  .max(512)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  .regex(/^[^\u0000-\u001f\u007f]*$/, "holds a control character");

export const pipeParams = z.object({ pipe: name });
export const sourceParams = z.object({ source: name });
export const sweepParams = z.object({ pipe: name, command: z.enum(["start", "pause", "resume", "cancel"]) });
export const snapshotParams = z.object({ pipe: name, command: z.enum(["pause", "resume", "cancel"]) });
export const sweepQuery = z.object({ mode: z.enum(["names", "stat", "hash"]).optional() });

const count = z.string().regex(/^\d{1,4}$/, "is not a number of at most four digits");
export const logsQuery = z.object({
  level: z.enum(LOG_LEVELS).default("info"),
  text: z.string().max(200).default(""),
  limit: count.default("200").transform(Number),
});

const list = <const V extends readonly string[]>(values: V) =>
  z
    .string()
    .max(100)
    .transform((text) => text.split(",").filter((each) => each !== ""))
    .pipe(z.array(z.enum(values)));

export const EVENT_KINDS = ["log", "pipe", "reload", "action"] as const;
export const eventsQuery = z.object({
  kinds: list(EVENT_KINDS).optional(),
  level: z.enum(LOG_LEVELS).default("info"),
  after: z
    .string()
    .regex(/^\d{1,16}$/, "is not an id")
    .transform(Number)
    .optional(),
});

export const CHANGE_KINDS = ["insert", "update", "delete"] as const;
export const tapQuery = z.object({
  filter: z.string().min(1).max(256).optional(),
  kinds: list(CHANGE_KINDS).optional(),
});

/** As rows name them. */
export const directoriesBody = z.array(z.string().max(16_384).startsWith("/")).min(1).max(20_000);

/** The body of a POST, when there is one: everything is said by the address. */
export const noBody = z.strictObject({});

const PIPE_STATES = [
  ...(["stopped", "connecting", "running", "waiting_for_source", "reconnecting"] as const),
  ...(["key_refused", "standby", "draining", "failed"] as const),
] as const;

/** Of src/agent/agent-status.ts; docs/counters.md has every counter. */
export const pipeSchema = z.looseObject({
  id: z.string(),
  state: z.enum(PIPE_STATES),
  info: z.string(),
  role: z.enum(["leader", "follower"]).optional(),
  source: z.string(),
  sender: z.object({ id: z.string(), driver: z.string(), uri: z.string() }),
  snapshot: z.enum(["none", "running", "paused", "complete", "cancelled"]),
  snapshotRows: z.number(),
  snapshotPausedForMs: z.number().optional(),
  backlog: z.number(),
  backlogAgeMs: z.number().optional(),
  lagMs: z.number().optional(),
  lastError: z.string().optional(),
  retry: z.object({ failures: z.number(), nextInMs: z.number() }).optional(),
});

export const sourceSchema = z.looseObject({
  ids: z.array(z.string()),
  driver: z.string(),
  uri: z.string(),
  /** What the driver says: availability, entries, coverage and notes of fs, the index, the sweep that runs. */
  status: z.looseObject({ availability: z.looseObject({ state: z.string() }) }),
});

export const stateSchema = z.looseObject({
  state: z.enum(["starting", "running", "draining", "stopped"]),
  version: z.string(),
  agentId: z.string(),
  pid: z.number(),
  startedAt: z.string(),
  uptimeMs: z.number(),
  home: z.string(),
  pipes: z.array(pipeSchema),
  sources: z.array(sourceSchema),
});

const numbers = z.array(z.number());
export const historyQuery = z.object({ pipe: name.optional() });
/** Columns of the same length, oldest first. `at`: epoch milliseconds. The last two are those of the agent. */
export const historySchema = z.object({
  everyMs: z.number(),
  at: numbers,
  rowsPerSecond: numbers,
  backlog: numbers,
  lagMs: z.array(z.number().nullable()),
  rssBytes: numbers.optional(),
  cpuPercent: numbers.optional(),
});

export const startedSchema = z.object({
  kind: z.literal("done"),
  pipes: z.array(z.object({ pipe: z.string(), ran: z.boolean(), failure: z.string().optional() })),
});

export const appliedPipes = z.array(
  z.object({
    pipe: z.string(),
    action: z.enum(["started", "stopped", "restarted", "unchanged"]),
    reasons: z.array(z.string()),
    failure: z.string().optional(),
  }),
);
const notes = z.array(z.string());
export const reloadSchema = z.object({ kind: z.literal("done"), pipes: appliedPipes, notes });
/** `before`, `after`: null where there is no such key. */
const changes = z.array(z.object({ key: z.string(), before: z.unknown(), after: z.unknown() }));
export const previewSchema = z.object({ kind: z.literal("preview"), pipes: appliedPipes, notes, changes });

export const driversSchema = z.array(
  z.object({
    kind: z.enum(["source", "sender"]),
    name: z.string(),
    version: z.string(),
    origin: z.string(),
    package: z.string().optional(),
    trouble: z.string().optional(),
  }),
);

export const configSchema = z.looseObject({
  home: z.string(),
  configDir: z.string(),
  files: z.array(z.string()),
  sources: z.array(z.looseObject({ id: z.string(), driver: z.string(), uri: z.string() })),
  senders: z.array(z.looseObject({ id: z.string(), driver: z.string(), uri: z.string() })),
  pipes: z.array(z.looseObject({ id: z.string(), source: z.string(), sender: z.string() })),
});

/** Lines as they stand in the log. */
export const logsSchema = z.object({ lastId: z.number(), lines: z.array(z.looseObject({ level: z.string() })) });

export const stopSchema = z.object({ stopping: z.literal(true), pid: z.number() });
export const stoppedSchema = z.object({ stopped: z.literal(true) });
export const begunSchema = z.object({ begun: z.literal(true) });
export const doneSchema = z.object({ done: z.literal(true) });
/** False: there was nothing to confirm. */
export const confirmedSchema = z.object({ confirmed: z.boolean() });
