/** Rows of the fs schema for what is in the model. Pure. */
import type { FsRow } from "fustor-agent/sdk";
import { directoryOf, lastSegment } from "./keys.ts";
import type { Directory, Facts, Model } from "./model.ts";

export const FIELDS = ["path", "file_name", "size", "modified_time", "created_time", "is_directory"] as const;

/** What a store keeps of an object's time is when it was written: both times of the row. */
const rowOf = (path: string, size: number, modifiedMs: number, isDirectory: boolean): FsRow => ({
  path,
  file_name: lastSegment(path),
  size,
  modified_time: modifiedMs / 1000,
  created_time: modifiedMs / 1000,
  is_directory: isDirectory,
});

export const fileRow = (path: string, { size, modifiedMs }: Facts): FsRow => rowOf(path, size, modifiedMs, false);

/** `name` is "" for the root. */
export const directoryRow = (name: string, { marker, modifiedMs }: Directory): FsRow =>
  rowOf(name === "" ? "/" : name, marker?.size ?? 0, marker?.modifiedMs ?? modifiedMs, true);

/**
 * Everything in the model, directories before what lies in them. It may grow meanwhile: `more` waits for that, and says
 * false when nothing comes any more.
 */
export async function* allRows(model: Model, more: () => Promise<boolean>): AsyncGenerator<FsRow, void, undefined> {
  const told = new Set<string>();
  for (let slot = 0; ; ) {
    for (; slot < model.keys.length; slot++) yield* rowsOfSlot(model, slot, told);
    if (!(await more())) break;
  }
  yield* rowsAbove(model, "", told);
}

function* rowsOfSlot(model: Model, slot: number, told: Set<string>): Generator<FsRow, void, undefined> {
  const shown = model.shown(slot);
  if (shown === undefined) return;
  yield* rowsAbove(model, shown.directory, told);
  if (shown.path !== undefined) yield fileRow(shown.path, model.facts(slot));
}

/** The rows of a directory and of those that it lies in, as far as they were not told. */
function rowsAbove(model: Model, name: string, told: Set<string>): readonly FsRow[] {
  const rows: FsRow[] = [];
  for (let at = name; !told.has(at); at = directoryOf(at)) {
    told.add(at);
    const directory = model.directories.get(at);
    if (directory !== undefined) rows.push(directoryRow(at, directory));
    if (at === "") break;
  }
  return rows.reverse();
}
