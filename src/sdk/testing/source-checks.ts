/** The contract of a source, rule by rule, tried on a world that the author of the driver hands over. */
import type { Row } from "../changes.ts";
import { chunkDefect } from "../row-checks.ts";
import type { BulkRows } from "../source-driver.ts";
import { type ContractCheck, demand, demandEqual, failureCode, soon } from "./contract-check.ts";
import {
  Listener,
  type MakeSource,
  type MakeWorld,
  type Play,
  readAll,
  type SourceWorld,
  snapshotKeys,
  sortedKeys,
  staged,
} from "./source-scene.ts";

const NAMED: Play = async ({ source }) => {
  const { schema, table, uri, fields } = source;
  for (const [name, value] of Object.entries({ schema, table, uri })) {
    demand(typeof value === "string" && value !== "", `"${name}" is no text`);
  }
  demand(fields.length > 0 && new Set(fields).size === fields.length, `"fields" is empty or names one twice`);
};

const STATUS: Play = async ({ source }) => {
  const status = JSON.parse(JSON.stringify(source.status()));
  const { state } = status.availability ?? {};
  demand(["starting", "available", "unavailable"].includes(state), `"availability" is none of the three states`);
  const stop = source.onAvailability(() => undefined);
  demand(typeof stop === "function", "onAvailability returned no function that ends it");
  stop();
};

const SNAPSHOT: Play = async (scene) => {
  const { world, source, signal } = scene;
  const { rows } = await soon(readAll(source.getSnapshotIterator({ signal }), "the snapshot"), "the snapshot");
  demandEqual(sortedKeys(rows.map((row) => world.keyOf(row))), sortedKeys(await world.keys()), "keys of the snapshot");
  for (const row of rows) demandEqual(Object.keys(row), [...source.fields], "the members of a row");
};

const PARENTS_FIRST: Play = async ({ source, world, signal }) => {
  const { rows } = await soon(readAll(source.getSnapshotIterator({ signal }), "the snapshot"), "the snapshot");
  const keys = rows.map((row) => world.keyOf(row));
  for (const [at, key] of keys.entries()) {
    const parent = key.startsWith("/") ? key.slice(0, key.lastIndexOf("/")) || "/" : undefined;
    const parentAt = parent === undefined || parent === key ? -1 : keys.indexOf(parent);
    demand(parentAt < at, `${key} comes before ${parent}, which it lies in`);
  }
};

const LIVE: Play = async ({ source, world, signal }) => {
  const listener = new Listener(source, signal);
  const key = await world.add();
  const added = await listener.until(`the new entry ${key}`, (change) => change.key === key);
  demand(added.op !== "delete", `the new entry ${key} came as a delete`);
  demandEqual(world.keyOf(added.row), key, "the key of the new entry's row");
  if (world.change !== undefined) {
    const from = listener.changes.length;
    await world.change(key);
    const changed = await listener.until(`the change of ${key}`, (change) => change.key === key, from);
    demand(changed.op === "update", `the change of ${key} came as ${changed.op}`);
  }
  await world.remove(key);
  const removed = await listener.until(
    `the delete of ${key}`,
    (change) => change.key === key && change.op === "delete",
  );
  demandEqual(world.keyOf(removed.row), key, "the key in the row of the delete");
  const sequences = listener.changes.filter((change) => change.key === key).map(({ sequence }) => sequence);
  const grows = sequences.every((sequence, at) => at === 0 || sequence > (sequences[at - 1] ?? 0));
  demand(grows, `the sequences of ${key} do not grow: ${sequences.join(", ")}`);
};

const SNAPSHOT_FOLLOWS: Play = async (scene) => {
  const listener = new Listener(scene.source, scene.signal);
  const key = await scene.world.add();
  await listener.until(`the new entry ${key}`, (change) => change.key === key);
  demand((await snapshotKeys(scene)).includes(key), `a snapshot after the change lacks ${key}`);
  await scene.world.remove(key);
  await listener.until(`the delete of ${key}`, (change) => change.key === key && change.op === "delete");
  demand(!(await snapshotKeys(scene)).includes(key), `a snapshot after the delete holds ${key}`);
};

const TWO_SNAPSHOTS: Play = async (scene) => {
  const [first, second] = await Promise.all([snapshotKeys(scene), snapshotKeys(scene)]);
  demandEqual(second, first, "the second of two snapshots at once");
};

/** After its signal aborted. */
const ended = ({ over }: Listener): Promise<void> =>
  soon(
    over.catch(() => undefined),
    "the end of an aborted stream",
  );

const ABORT_STREAM: Play = async ({ source, world }) => {
  const first = new AbortController();
  const listener = new Listener(source, first.signal);
  first.abort();
  await ended(listener);
  const again = new AbortController();
  const second = new Listener(source, again.signal);
  const key = await world.add();
  await second.until(`a new entry in the stream that was opened again`, (change) => change.key === key);
  again.abort();
  await ended(second);
};

/** Each entry is reported after the position that the one before it told, also what came while nobody listened. */
const GOES_ON: Play = async ({ source, world }) => {
  const first = new AbortController();
  const listener = new Listener(source, first.signal);
  const before = await world.add();
  await listener.until(`the new entry ${before}`, (change) => change.key === before);
  const position = listener.changes.at(-1)?.position;
  first.abort();
  await ended(listener);
  if (position === undefined) return;
  const second = new AbortController();
  const between = await world.add();
  const going = new Listener(source, second.signal, position);
  try {
    demand(!going.positionLost, `the position ${position} of its own last change is lost to it`);
    await going.until(`the entry ${between}, which came after ${position},`, (change) => change.key === between);
    const after = await world.add();
    const { position: newest } = await going.until(`the new entry ${after}`, (change) => change.key === after);
    demand(newest === undefined || newest !== position, `another change tells the same position ${position}`);
  } finally {
    second.abort();
    await ended(going);
  }
};

const ABORT_SNAPSHOT: Play = async ({ source }) => {
  const controller = new AbortController();
  controller.abort();
  const read = async () => readAll(source.getSnapshotIterator({ signal: controller.signal }), "the snapshot");
  const code = await failureCode(read, "the end of an aborted snapshot");
  demand(code === undefined || code === "FUSTOR_ABORTED", `an aborted snapshot failed with ${code}`);
};

const PROGRESS: Play = async ({ source, signal }) => {
  const bulk = source.getSnapshotIterator({ signal });
  const { rows } = await soon(readAll(bulk, "the snapshot"), "the snapshot");
  demandEqual(bulk.progress().rows, rows.length, "the rows of progress() after the last chunk");
};

const AUDIT: Play = async ({ source, world, signal }) => {
  if (source.getAuditIterator === undefined) return;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const bulk = source.getAuditIterator({ signal, opened });
  const counts: number[] = [];
  const keys: string[] = [];
  const read = async (): Promise<void> => {
    for await (const chunk of bulk.chunks) {
      const wrong = chunkDefect(chunk);
      demand(wrong === undefined, `the audit handed over ${wrong}`);
      counts.push(chunk.rowCount);
      const text = new TextDecoder().decode(chunk.buffer.subarray(0, (chunk.rowOffsets[chunk.rowCount] ?? 1) - 1));
      keys.push(...(JSON.parse(`[${text}]`) as Row[]).map((row) => world.keyOf(row)));
      chunk.release();
      open();
    }
  };
  await soon(read(), "the audit");
  demandEqual(counts[0], 1, "rows of the first chunk of an audit");
  // The root may come once more, with what lies in it.
  demandEqual(sortedKeys([...new Set(keys)]), sortedKeys(await world.keys()), "keys of the audit");
};

const VERIFY: Play = async ({ source, world, signal }) => {
  if (source.verify === undefined) return;
  const key = await world.add();
  const [found] = await soon(source.verify([key], { signal }), "verify");
  demand(found === undefined || found.exists, `verify says that ${key} is not there`);
  await world.remove(key);
  const [gone] = await soon(source.verify([key], { signal }), "verify");
  demand(gone === undefined || !gone.exists, `verify says that ${key} is there after it was removed`);
};

const SCAN: Play = async ({ source, world, signal }) => {
  if (source.scan === undefined) return;
  const key = await world.add();
  const { rows } = await soon(readAll(source.scan(key, false, { signal }), "scan"), "scan");
  demandEqual(
    rows.map((row) => world.keyOf(row)),
    [key],
    `the scan of ${key}`,
  );
  const { keyOutside } = world;
  if (keyOutside === undefined) return;
  const read = async () => readAll(source.scan?.(keyOutside, false, { signal }) as BulkRows, "scan");
  demandEqual(await failureCode(read, "scan"), "FUSTOR_SOURCE_PATH_REFUSED", `the scan of ${keyOutside}`);
};

const CLOSE: Play = async ({ source, signal }) => {
  const listener = new Listener(source, signal);
  await soon(source.close(), "close");
  await soon(source.close(), "a second close");
  await soon(
    listener.over.catch(() => undefined),
    "the end of the stream of a closed source",
  );
};

const PLAYS: readonly (readonly [name: string, play: Play])[] = [
  ["names its schema, its table, its address and its fields", NAMED],
  ["says how it is, in a form that can be printed", STATUS],
  ["hands over every entry once in a snapshot, with all fields in order", SNAPSHOT],
  ["hands over a container before what lies in it", PARENTS_FIRST],
  ["counts the rows of a snapshot", PROGRESS],
  ["tells of an entry that appears, changes and goes, in order", LIVE],
  ["has told nothing that a snapshot afterwards does not show", SNAPSHOT_FOLLOWS],
  ["reads two snapshots at once", TWO_SNAPSHOTS],
  ["ends a stream whose signal aborts, and begins another", ABORT_STREAM],
  ["goes on after a position that a change told (if it tells any)", GOES_ON],
  ["ends a snapshot whose signal aborts", ABORT_SNAPSHOT],
  ["covers everything in an audit, whose first chunk is one row (if it knows audits)", AUDIT],
  ["finds what is there and misses what is not (if it verifies keys)", VERIFY],
  ["scans a key and refuses one outside (if it scans)", SCAN],
  ["closes within its time, twice, and ends its stream by it", CLOSE],
];

/** Every rule that a source has to keep; each makes a world and a driver of its own. */
export const sourceChecks = <W extends SourceWorld>(
  make: MakeSource<W>,
  makeWorld: MakeWorld<W>,
): readonly ContractCheck[] => PLAYS.map(([name, play]) => ({ name, run: () => staged(make, makeWorld, play) }));
