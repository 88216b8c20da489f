/** What an answer that is no success says: how long to wait, why, and where else to go. Pure. */
import { excerpt } from "../excerpt.ts";

/** A slip of some proxy must not silence an agent for longer; a receiver that is still busy then says so again. */
const MAX_WAIT_MS = 5 * 60 * 1000;

/** `Retry-After` in milliseconds: seconds or an HTTP date; undefined when absent or neither. At most five minutes. */
export function parseRetryAfter(header: string | undefined, wallClockMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - wallClockMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), MAX_WAIT_MS);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** One entry of a validation report: `{"loc": ["body", "events", 0, "index"], "msg": "..."}`. */
function validationLine(entry: unknown): string {
  if (!isRecord(entry) || typeof entry.msg !== "string") return JSON.stringify(entry);
  return Array.isArray(entry.loc) ? `${entry.loc.join(".")}: ${entry.msg}` : entry.msg;
}

function detailText(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return text;
  }
  const detail = isRecord(parsed) ? (parsed.detail ?? parsed.message ?? parsed.error) : undefined;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map(validationLine).join("; ");
  return text;
}

/** What the body of a refusal says, as one line of at most 200 characters. `hide` takes secrets out first. */
export const refusalDetail = (text: string, hide: (text: string) => string): string => excerpt(hide(detailText(text)));

/**
 * Where a redirect leads, for a message: without user, password, query and fragment. Where it is the same route
 * elsewhere, the base address that leads there.
 */
export function redirectTarget(location: string | undefined, from: URL, route: string): string | undefined {
  if (location === undefined || !URL.canParse(location, from.href)) return undefined;
  const { origin, pathname, protocol } = new URL(location, from);
  if (protocol !== "http:" && protocol !== "https:") return undefined;
  const base = pathname.endsWith(route) ? pathname.slice(0, -route.length) : pathname;
  return excerpt(`${origin}${base.replace(/\/$/, "")}`);
}
