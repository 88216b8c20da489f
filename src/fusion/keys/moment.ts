/** Moments as users write and read them, in seconds since 1970. */

/** UTC, without fractions of seconds. */
export const timeText = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

/**
 * A moment that a user wrote: `90d`, `12h`, `30m`, `45s`, `now`, a day such as `2027-01-31` (its beginning, UTC), or a
 * time such as `2027-01-31T18:00Z`. Undefined when it is none of these.
 */
export function momentOf(text: string, now: number): number | undefined {
  if (text === "now") return now;
  const span = /^(\d{1,6})([smhd])$/.exec(text);
  if (span !== null) return now + Number(span[1]) * SECONDS[span[2] as keyof typeof SECONDS];
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?$/.test(text)) return undefined;
  const ms = Date.parse(text);
  // Of February 30 a Date makes another day.
  return Number.isNaN(ms) || !timeText(ms / 1000).startsWith(text.slice(0, 10)) ? undefined : ms / 1000;
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
