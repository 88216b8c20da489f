/** What listings cost, for people. Pure. */
import type { Client } from "./client.ts";
import type { EndedListing } from "./poller.ts";

export const requestsPerHour = (requests: number, everyMs: number): number =>
  Math.ceil((requests * 3_600_000) / Math.max(everyMs, 1));

export interface NoteFacts {
  readonly client: Pick<Client, "region" | "pace" | "slowDowns">;
  readonly last: EndedListing | undefined;
  readonly intervalMs: number;
  readonly perHour: number | undefined;
}

export function notesOf({ client, last, intervalMs, perHour }: NoteFacts): readonly string[] {
  if (last === undefined) return [];
  const notes = [
    `a listing takes ${last.requests} requests and ${(last.elapsedMs / 1000).toFixed(1)} s, every ${intervalMs / 1000} s: ${perHour} requests an hour`,
  ];
  if (last.elapsedMs > intervalMs) notes.push("listings take longer than interval_sec, so one follows the other");
  if (client.slowDowns > 0)
    notes.push(`the store asked for fewer requests ${client.slowDowns} times; ${client.pace.limit} go out at once`);
  return notes;
}
