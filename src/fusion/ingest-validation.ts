/**
 * Checks the shape of an ingest body by hand: a schema library would look at each of ten thousand rows, and rows are
 * not part of the shape. One bad event makes Fusion refuse the whole batch, as the protocol says.
 */
import type { BodyProblem, Checked, EventType, IngestBatch, IngestEvent, MessageSource } from "./ingest-batch.ts";

type Place = readonly (string | number)[];

class ShapeError extends Error {
  readonly problem: BodyProblem;

  constructor(type: string, loc: Place, msg: string) {
    super(msg);
    this.problem = { type, loc, msg };
  }
}

const EVENT_TYPES: ReadonlySet<string> = new Set<EventType>(["insert", "update", "delete"]);
const MESSAGE_SOURCES: ReadonlySet<string> = new Set<MessageSource>(["realtime", "snapshot", "audit", "on_demand_job"]);
const BODY: Place = ["body"];

export function checkIngestBody(body: unknown): Checked<IngestBatch> {
  try {
    return { ok: true, value: readBatch(body) };
  } catch (error) {
    if (error instanceof ShapeError) return { ok: false, problem: error.problem };
    throw error;
  }
}

function readBatch(body: unknown): IngestBatch {
  const members = readObject(body, BODY);
  const events = readList(members.events, [...BODY, "events"]);
  const metadata = members.metadata ?? undefined;
  return {
    sourceType: members.source_type === undefined ? "message" : readText(members.source_type, [...BODY, "source_type"]),
    isEnd: members.is_end === undefined ? false : readBoolean(members.is_end, [...BODY, "is_end"]),
    events: events.map((event, at) => readEvent(event, at)),
    metadata: metadata === undefined ? undefined : readObject(metadata, [...BODY, "metadata"]),
    snapshotSyncSuggested: members.snapshot_sync_suggested === true,
    isSnapshotEnd: members.is_snapshot_end === true,
  };
}

function readEvent(event: unknown, at: number): IngestEvent {
  const place: Place = [...BODY, "events", at];
  const members = readObject(event, place);
  const eventType = readChoice<EventType>(members.event_type, EVENT_TYPES, [...place, "event_type"]);
  readText(members.event_schema, [...place, "event_schema"]);
  readText(members.table, [...place, "table"]);
  const fields = readList(members.fields, [...place, "fields"]);
  for (let field = 0; field < fields.length; field++) readText(fields[field], [...place, "fields", field]);
  return {
    eventType,
    rows: readList(members.rows, [...place, "rows"]),
    index: members.index === undefined ? -1 : readInteger(members.index, [...place, "index"]),
    messageSource:
      members.message_source === undefined
        ? "realtime"
        : readChoice<MessageSource>(members.message_source, MESSAGE_SOURCES, [...place, "message_source"]),
  };
}

function required(value: unknown, place: Place): void {
  if (value === undefined) throw new ShapeError("missing", place, "Field required");
}

function readObject(value: unknown, place: Place): Record<string, unknown> {
  required(value, place);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ShapeError("dict_type", place, "must be an object");
  }
  return value as Record<string, unknown>;
}

function readList(value: unknown, place: Place): readonly unknown[] {
  required(value, place);
  if (!Array.isArray(value)) throw new ShapeError("list_type", place, "must be a list");
  return value;
}

function readText(value: unknown, place: Place): string {
  required(value, place);
  if (typeof value !== "string") throw new ShapeError("string_type", place, "must be a string");
  return value;
}

function readChoice<T extends string>(value: unknown, choices: ReadonlySet<string>, place: Place): T {
  required(value, place);
  if (typeof value !== "string" || !choices.has(value)) {
    throw new ShapeError("enum", place, `must be one of ${[...choices].join(", ")}`);
  }
  return value as T;
}

/** Whole numbers, also written as text, as the real Fusion accepts them. */
export function readInteger(value: unknown, place: Place): number {
  required(value, place);
  const number = typeof value === "string" && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : value;
  if (typeof number !== "number") throw new ShapeError("int_type", place, "must be a whole number");
  if (!Number.isInteger(number)) throw new ShapeError("int_from_float", place, "must be a number without a fraction");
  return number;
}

/** A session without an end keeps its view open for as long as it lives. */
const MOST_TIMEOUT_SECONDS = 86_400;
const MOST_TASK_CHARACTERS = 1024;

const TRUE_WORDS = new Set(["true", "t", "yes", "y", "on", "1"]);
const FALSE_WORDS = new Set(["false", "f", "no", "n", "off", "0"]);

/** Booleans, also written as 0, 1 or a word, as the real Fusion accepts them. */
export function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const word = String(value).toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  return FALSE_WORDS.has(word) ? false : undefined;
}

function readBoolean(value: unknown, place: Place): boolean {
  const flag = booleanOf(value);
  if (flag === undefined) throw new ShapeError("bool_type", place, "must be true or false");
  return flag;
}

/** Body of POST /session/. */
export interface SessionBody {
  readonly taskId: string;
  readonly sourceUri: string | null;
  /** What the agent asks for, a day at most. */
  readonly timeoutSeconds: number | undefined;
  /** The session in which the agent left the view complete. */
  readonly resumes: string | undefined;
}

export function checkSessionBody(body: unknown): Checked<SessionBody> {
  try {
    return { ok: true, value: readSessionBody(body) };
  } catch (error) {
    if (error instanceof ShapeError) return { ok: false, problem: error.problem };
    throw error;
  }
}

function readSessionBody(body: unknown): SessionBody {
  const members = readObject(body, BODY);
  const taskId = readText(members.task_id, [...BODY, "task_id"]);
  if (taskId.length > MOST_TASK_CHARACTERS) {
    throw new ShapeError(
      "string_too_long",
      [...BODY, "task_id"],
      `must have at most ${MOST_TASK_CHARACTERS} characters`,
    );
  }
  const place = [...BODY, "session_timeout_seconds"];
  const asked = members.session_timeout_seconds ?? undefined;
  const timeoutSeconds = asked === undefined ? undefined : Math.min(readInteger(asked, place), MOST_TIMEOUT_SECONDS);
  if (timeoutSeconds !== undefined && timeoutSeconds < 1)
    throw new ShapeError("greater_than", place, "must be at least 1");
  const info = members.client_info ?? undefined;
  const uri = info === undefined ? undefined : readObject(info, [...BODY, "client_info"]).source_uri;
  const resumes = typeof members.resumes === "string" ? members.resumes : undefined;
  return { taskId, sourceUri: typeof uri === "string" ? uri : null, timeoutSeconds, resumes };
}
