/** What is wrong with a source that a driver made, and with what it says of itself. Pure. */
import { membersOf } from "../../sdk/members-of.ts";
import { missingMethod } from "./driver-calls.ts";

const NEEDED = ["open", "getMessageIterator", "getSnapshotIterator", "status", "onAvailability", "close"];

export const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** Half a sentence about what `create` handed over. */
export function sourceDefect(driver: unknown): string | undefined {
  const { schema, table, uri, fields } = membersOf(driver);
  const missing = missingMethod(driver, NEEDED);
  if (missing !== undefined) return `a source without the method "${missing}"`;
  const wrong = Object.entries({ schema, table, uri }).find(([, value]) => !isText(value));
  if (wrong !== undefined) return `a source whose "${wrong[0]}" is no text`;
  return Array.isArray(fields) && fields.every(isText) ? undefined : `a source whose "fields" is no list of names`;
}

const STATES: ReadonlySet<unknown> = new Set(["starting", "available", "unavailable"]);

export function availabilityDefect(availability: unknown): string | undefined {
  const { state, reason } = membersOf(availability);
  if (!STATES.has(state)) return "an availability that is none";
  return state === "unavailable" && typeof reason !== "string" ? "an unavailability without a reason" : undefined;
}
