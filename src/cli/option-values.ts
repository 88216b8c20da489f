/** What the options of commands take. */
import { InvalidArgumentError } from "commander";
import { momentOf } from "../fusion/keys/moment.ts";

export function parseThreads(text: string): number {
  const threads = Number(text);
  if (!/^\d+$/.test(text) || threads > 256) throw new InvalidArgumentError("Write a number from 0 to 256.");
  return threads;
}

export function parseLines(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError("Write a number from 0 to 9999999.");
  return Number(text);
}

export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds < 0.1 || seconds > 86_400) {
    throw new InvalidArgumentError("Write seconds, from 0.1 to 86400.");
  }
  return seconds;
}

/** How long a difference may take to pass; 0 = no time. */
export function parseSettle(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds > 86_400) throw new InvalidArgumentError("Write seconds from 0 to 86400.");
  return seconds;
}

/** Seconds since 1970. */
export function parseMoment(text: string): number {
  const moment = momentOf(text, Math.floor(Date.now() / 1000));
  if (moment !== undefined) return moment;
  throw new InvalidArgumentError("Write a span such as 90d, 12h or 30m, or a day or time in UTC such as 2027-01-31.");
}
