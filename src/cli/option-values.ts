/** What the options of commands take. */
import { InvalidArgumentError } from "commander";

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
