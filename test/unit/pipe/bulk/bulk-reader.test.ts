import { describe, expect, it } from "vitest";
import { BulkReader, type Cut, type ReaderParts } from "../../../../src/pipe/bulk/bulk-reader.ts";
import { rowText } from "../../../../src/pipe/encode/row-ranges.ts";
import { encodeRows, type Row, type RowChunk } from "../../../../src/sdk/index.ts";
import { waitFor } from "../../../support/wait-for.ts";

const LIMITS = { events: 10, eventRows: 10, bytes: 1e6 };
/** An odd name, which JSON escapes, and which looks like a column. */
const ODD = '/d/","created_time":9,"path":"no';

const rowsOf = (paths: readonly string[]): Row[] =>
  paths.map((path) => ({ digest: "a column that the agent does not know", path, size: 1 }));

interface Given {
  readonly rows: readonly Row[];
  readonly parts?: Partial<ReaderParts>;
  readonly isStrong?: (row: Row) => boolean;
}

async function cutOf({ rows, parts, isStrong }: Given): Promise<Cut> {
  const chunk = encodeRows(rows, isStrong === undefined ? { sequence: 5 } : { sequence: 5, isStrong });
  async function* chunks(): AsyncGenerator<RowChunk> {
    yield chunk;
  }
  const reader = new BulkReader(
    {
      open: () => ({ chunks: chunks(), progress: () => ({ rows: 0 }) }),
      limits: LIMITS,
      superseded: undefined,
      tombstones: undefined,
      strongRows: undefined,
      onProgress: () => undefined,
      ...parts,
    },
    Promise.resolve(),
  );
  await waitFor(() => reader.reading.kind === "done", { timeoutMs: 5_000, intervalMs: 1, what: "everything is read" });
  return reader.cut() ?? { ranges: [], lifted: [], settle: () => undefined };
}

const plain = ({ ranges }: Cut): string[] =>
  ranges.flatMap(({ chunk, from, to }) =>
    Array.from({ length: to - from }, (_, i) => (JSON.parse(rowText(chunk, from + i)) as { path: string }).path),
  );
const lifted = ({ lifted }: Cut): unknown[] => lifted.map(({ path }) => path);

/** Of one directory, and of these keys in it. */
const touching = (directory: string, keys: readonly string[]) => ({
  concerns: (asked: string) => asked === directory,
  isTouched: (key: string) => keys.includes(key),
});

const superseding = (directory: string, keys: readonly string[]): ReaderParts["superseded"] => {
  const { concerns, isTouched } = touching(directory, keys);
  const view = { isEmpty: false, isOverrun: false, concerns, supersedes: isTouched, isDeleted: () => false };
  return view as unknown as ReaderParts["superseded"];
};

const tombstonesAt = (directory: string, keys: readonly string[]): ReaderParts["tombstones"] => {
  const { concerns, isTouched } = touching(directory, keys);
  return { isEmpty: () => false, concerns, needsInBulk: isTouched };
};

describe("a cut of rows in bulk", () => {
  const rows = rowsOf(["/", "/a", "/b", "/d/x", ODD, "/d/y"]);

  it("is one range when nothing was touched and nothing is strong", async () => {
    const cut = await cutOf({ rows });
    expect(cut.ranges).toMatchObject([{ from: 0, to: 6 }]);
    expect(lifted(cut)).toEqual([]);
  });

  it("leaves out what is superseded, whatever its name and whichever columns there are", async () => {
    const cut = await cutOf({ rows, parts: { superseded: superseding("/d", [ODD, "/b"]) } });
    expect(plain(cut), "nothing was touched in the directory of /b").toEqual(["/", "/a", "/b", "/d/x", "/d/y"]);
  });

  it("lifts what has a tombstone, and nothing else", async () => {
    const cut = await cutOf({ rows, parts: { tombstones: tombstonesAt("/d", [ODD]) } });
    expect([plain(cut), lifted(cut)]).toEqual([["/", "/a", "/b", "/d/x", "/d/y"], [ODD]]);
  });

  it("knows the root's row as one that lies in the root", async () => {
    expect(plain(await cutOf({ rows, parts: { superseded: superseding("/", ["/"]) } }))).not.toContain("/");
  });

  const isStrong = ({ path }: Row): boolean => path === "/b" || path === ODD;

  it("lifts strong rows instead of sending them as they are, or as well", async () => {
    const instead = await cutOf({ rows, isStrong, parts: { strongRows: "lifted" } });
    expect([plain(instead), lifted(instead)]).toEqual([
      ["/", "/a", "/d/x", "/d/y"],
      ["/b", ODD],
    ]);
    const both = await cutOf({ rows, isStrong, parts: { strongRows: "lifted as well" } });
    expect([plain(both), lifted(both), both.ranges.length]).toEqual([rows.map(({ path }) => path), ["/b", ODD], 1]);
  });

  it("takes no row for strong when the job did not ask for them", async () => {
    expect(lifted(await cutOf({ rows, isStrong }))).toEqual([]);
  });

  it("leaves out a strong row that is superseded", async () => {
    const parts: Partial<ReaderParts> = { strongRows: "lifted as well", superseded: superseding("/", ["/b"]) };
    const cut = await cutOf({ rows, isStrong, parts });
    expect([plain(cut).includes("/b"), lifted(cut)]).toEqual([false, [ODD]]);
  });

  it("never lifts the row of a directory that could not be listed", async () => {
    const skipped = [{ path: "/d", audit_skipped: true }];
    const parts: Partial<ReaderParts> = { strongRows: "lifted as well", tombstones: tombstonesAt("/", ["/d"]) };
    const cut = await cutOf({ rows: skipped, isStrong: () => true, parts });
    expect([plain(cut), lifted(cut)]).toEqual([["/d"], []]);
  });
});
