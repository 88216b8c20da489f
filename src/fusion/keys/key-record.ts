/** What the registry keeps of a key, and the text of its file. Pure. */
import { z } from "zod";
import { FustorError } from "../../sdk/errors.ts";
import { timeText } from "./moment.ts";

/** What a key may do: push to one pipe, or read one view. */
export type KeyScope = "push" | "read";

/** Seconds since 1970. */
type Seconds = number;

export interface KeyRecord {
  readonly id: string;
  readonly scope: KeyScope;
  /** The pipe or the view. */
  readonly target: string;
  /** What its maker calls it. */
  readonly name: string | null;
  readonly salt: string;
  readonly hash: string;
  readonly created: Seconds;
  readonly expires: Seconds | null;
  readonly revoked: Seconds | null;
  /** The key that a rotation made in its place. */
  readonly replacedBy: string | null;
}

export type KeyState = "valid" | "expired" | "revoked";

export function stateOf({ expires, revoked }: KeyRecord, now: Seconds): KeyState {
  if (revoked !== null) return "revoked";
  return expires !== null && expires <= now ? "expired" : "valid";
}

const VERSION = 1;

const isTime = (value: string): boolean => !Number.isNaN(Date.parse(value));
const time = z
  .string()
  .refine(isTime)
  .transform((value) => Date.parse(value) / 1000);
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));

const record = z.strictObject({
  id: z.string().regex(/^[0-9a-z]{8}$/),
  scope: z.enum(["push", "read"]),
  target: z.string().min(1),
  name: z.string().nullable(),
  salt: hex(16),
  hash: hex(32),
  created: time,
  expires: time.nullable(),
  revoked: time.nullable(),
  replaced_by: z.string().nullable(),
});
const content = z.strictObject({ version: z.literal(VERSION), keys: z.array(record) });

/** Throws FUSTOR_CONFIG_INVALID, naming the file and what to do. */
export function keysOfText(text: string, file: string): readonly KeyRecord[] {
  const value = parsed(text);
  const { version } = (value ?? {}) as { readonly version?: unknown };
  if (typeof version === "number" && version > VERSION) throw damaged(file, "was written by a newer version");
  const read = content.safeParse(value);
  if (!read.success) throw damaged(file, `is damaged (${placeOf(read.error)})`);
  const ids = new Set(read.data.keys.map(({ id }) => id));
  if (ids.size < read.data.keys.length) throw damaged(file, "is damaged (an id stands twice)");
  return read.data.keys.map(({ replaced_by: replacedBy, ...rest }) => ({ ...rest, replacedBy }));
}

export function textOfKeys(keys: readonly KeyRecord[]): string {
  const written = keys.map(({ replacedBy, created, expires, revoked, ...rest }) => ({
    ...rest,
    created: timeText(created),
    expires: expires === null ? null : timeText(expires),
    revoked: revoked === null ? null : timeText(revoked),
    replaced_by: replacedBy,
  }));
  return `${JSON.stringify({ version: VERSION, keys: written }, null, 2)}\n`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Never a value: it could be part of a secret. */
function placeOf({ issues: [issue] }: z.ZodError): string {
  const path = issue?.path.join(".") ?? "";
  return path === "" ? "it is no JSON of this form" : `at ${path}`;
}

function damaged(file: string, what: string): FustorError {
  const cure =
    "put back a copy of it, or remove it, which ends every key that it holds, and make new ones: fustor-agent fusion keys create";
  return new FustorError("FUSTOR_CONFIG_INVALID", `${file} ${what}; ${cure}`, { details: { file } });
}
