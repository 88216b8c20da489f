/** What has changed in a model since a generation, as batches for the stream. */
import type { Change, ChangeBatch, FsRow } from "fustor-agent/sdk";
import type { Model } from "./model.ts";
import { directoryRow, fileRow } from "./rows.ts";

const BATCH_CHANGES = 500;
/** What a row weighs beside its path. */
const ROW_BYTES = 150;

/** The next number of the source's clock. */
export type Clock = () => number;

/** Lines of the stream in order: what went, then directories, then what lies in them. */
function* changesSince(model: Model, cursor: number, next: Clock): Generator<Change, void, undefined> {
  const gone = [...model.deleted].filter(([, { generation }]) => generation > cursor);
  const directories = [...model.directories.keys()].filter((name) => isNew(model, name, cursor));
  const slots = Uint32Array.from(slotsSince(model, cursor));
  for (const [path, { isDirectory }] of gone) {
    yield { op: "delete", key: path, row: { path }, sequence: next(), isContainer: isDirectory };
  }
  // Read when they are handed over, so none is older than what a snapshot showed meanwhile.
  for (const name of directories) {
    const directory = model.directories.get(name);
    if (directory !== undefined) yield update(directoryRow(name, directory), next());
  }
  for (const slot of slots) {
    const path = model.shown(slot)?.path;
    if (path !== undefined) yield update({ ...fileRow(path, model.facts(slot)), is_atomic_write: true }, next());
  }
}

const isNew = (model: Model, name: string, cursor: number): boolean =>
  (model.directories.get(name)?.generation ?? 0) > cursor;

function* slotsSince(model: Model, cursor: number): Generator<number, void, undefined> {
  for (let slot = 0; slot < model.keys.length; slot++) {
    if (model.keys[slot] !== undefined && model.generationOf(slot) > cursor) yield slot;
  }
}

const update = (row: FsRow, sequence: number): Change => ({
  op: "update",
  key: row.path,
  row,
  sequence,
  isContainer: row.is_directory,
});

/** The row of the root, to carry a position when nothing else does. */
export const rootChange = (model: Model, sequence: number): Change | undefined => {
  const root = model.directories.get("");
  return root === undefined ? undefined : update(directoryRow("", root), sequence);
};

/** The last change of the last batch carries the position. */
export function* batchesSince(
  model: Model,
  cursor: number,
  position: string | undefined,
  next: Clock,
): Generator<ChangeBatch, void, undefined> {
  let changes: Change[] = [];
  for (const change of changesSince(model, cursor, next)) {
    if (changes.length >= BATCH_CHANGES) {
      yield batchOf(changes);
      changes = [];
    }
    changes.push(change);
  }
  const last = changes.pop();
  if (last !== undefined) yield batchOf([...changes, position === undefined ? last : { ...last, position }]);
}

export const batchOf = (changes: readonly Change[]): ChangeBatch => ({
  changes,
  sizeBytes: changes.reduce((sum, { key }) => sum + ROW_BYTES + 2 * key.length, 0),
  lagMs: 0,
});
