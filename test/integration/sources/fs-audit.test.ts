import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BulkRows, Change, FsRow } from "../../../src/sdk/index.ts";
import type { FsSource } from "../../../src/sources/fs/fs-source.ts";
import { fsSourceAt } from "../../support/fs-source-at.ts";
import { waitFor } from "../../support/wait-for.ts";

const { signal } = new AbortController();

async function* rowsOf({ chunks }: BulkRows): AsyncGenerator<readonly FsRow[]> {
  for await (const chunk of chunks) {
    const end = chunk.rowOffsets[chunk.rowCount] as number;
    yield JSON.parse(`[${Buffer.from(chunk.buffer.subarray(0, end - 1)).toString("utf8")}]`) as FsRow[];
    chunk.release();
  }
}

async function pathsIn(rows: AsyncIterable<readonly FsRow[]>): Promise<string[]> {
  const paths: string[] = [];
  for await (const batch of rows) paths.push(...batch.map(({ path }) => path));
  return paths;
}

const pathsOf = (rows: BulkRows): Promise<string[]> => pathsIn(rowsOf(rows));

describe("what the fs source tells when it is asked", () => {
  let base: string;
  let root: string;
  let source: FsSource;

  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), "fustor-audit-"));
    root = join(base, "root");
    mkdirSync(join(root, "d/e"), { recursive: true });
    for (const file of ["f", "d/g", "d/e/h", "d/left out"]) writeFileSync(join(root, file), file);
    source = fsSourceAt(root, { engine: "poll", exclude: ["left out"] });
    await source.open();
    const isAvailable = (): boolean => source.status().availability.state === "available";
    await waitFor(isAvailable, { timeoutMs: 10_000, intervalMs: 2, what: "the source becomes available" });
  });

  afterEach(async () => {
    await source.close();
    rmSync(base, { recursive: true, force: true });
  });

  it("the root's row opens an audit, and nothing else is read before it is open", async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const rows = rowsOf(source.getAuditIterator({ signal, opened }));
    expect((await rows.next()).value).toMatchObject([{ path: "/" }]);
    const rest = pathsIn(rows);
    writeFileSync(join(root, "d/new"), "written before the audit was open");
    open();
    const paths = await rest;
    expect([...paths].sort()).toEqual(["/", "/d", "/d/e", "/d/e/h", "/d/g", "/d/new", "/f"]);
    expect(paths.indexOf("/d")).toBeLessThan(paths.indexOf("/d/g"));
  });

  it("a rescan gives directories and their children, one directory's row alone before anything else is read", async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const rows = rowsOf(source.rescan(["/away", "/d", "/d/e", "/d/none/deeper"], { signal, opened }));
    expect((await rows.next()).value).toMatchObject([{ path: "/d" }]);
    const rest = pathsIn(rows);
    writeFileSync(join(root, "d/new"), "written before it was open");
    mkdirSync(join(root, "d/e/deep/deeper"), { recursive: true });
    open();
    const paths = await rest;
    expect([...paths].sort()).toEqual(["/d", "/d/e", "/d/e", "/d/e/deep", "/d/e/h", "/d/g", "/d/new"]);
    expect(paths.indexOf("/d/e")).toBeLessThan(paths.indexOf("/d/e/h"));
    expect(await pathsOf(source.rescan(["/away"], { signal, opened }))).toEqual([]);
  });

  it("a rescan of a root that is gone throws and never ends", async () => {
    rmSync(root, { recursive: true });
    const rescan = source.rescan(["/d"], { signal, opened: Promise.resolve() });
    await expect(pathsOf(rescan)).rejects.toMatchObject({ code: "FUSTOR_SOURCE_UNAVAILABLE", retryable: true });
  });

  it("an audit of a root that is gone throws and never ends", async () => {
    rmSync(root, { recursive: true });
    const audit = source.getAuditIterator({ signal, opened: Promise.resolve() });
    await expect(pathsOf(audit)).rejects.toMatchObject({ code: "FUSTOR_SOURCE_UNAVAILABLE", retryable: true });
  });

  it("a scan gives what is at a path, by relative or absolute name, and nothing for what is not there", async () => {
    const scan = async (path: string, recursive = true): Promise<string[]> =>
      (await pathsOf(source.scan(path, recursive, { signal }))).sort();
    expect(await scan("/d")).toEqual(["/d", "/d/e", "/d/e/h", "/d/g"]);
    expect(await scan(join(root, "d"), false)).toEqual(["/d"]);
    expect(await scan("/d/./e/../g")).toEqual(["/d/g"]);
    expect(await scan("f")).toEqual(["/f"]);
    expect(await scan("/")).toHaveLength(6);
    expect(await scan("/d/left out")).toEqual([]);
    expect(await scan("/gone/deeper")).toEqual([]);
  });

  it("a scan never leaves the root, neither by dots nor through links", async () => {
    writeFileSync(join(base, "secret"), "");
    symlinkSync(base, join(root, "out"));
    for (const path of ["/../secret", "..", `${root}/../secret`, "/d/../../secret", "/out/secret", "/\0"]) {
      const scan = pathsOf(source.scan(path, true, { signal }));
      await expect(scan, path).rejects.toMatchObject({ code: "FUSTOR_SOURCE_PATH_REFUSED" });
    }
    expect(await pathsOf(source.scan("/out", true, { signal }))).toEqual(["/out"]);
    expect(await pathsOf(source.scan(`${root}2/secret`, true, { signal }))).toEqual([]);
  });

  it("a look at paths tells which are there, leaves out what is outside, and reports what had not been seen", async () => {
    const changes: Change[] = [];
    const abort = new AbortController();
    const pump = (async () => {
      for await (const batch of source.getMessageIterator(-1, abort).batches) changes.push(...batch.changes);
    })();
    unlinkSync(join(root, "d/g"));
    const seen = await source.verify(["/f", "/d/g", "/../secret", "/gone"], { signal });
    expect(seen.map(({ key, exists }) => [key, exists])).toEqual([
      ["/f", true],
      ["/d/g", false],
      ["/gone", false],
    ]);
    const isTold = (): boolean => changes.some(({ op, key }) => op === "delete" && key === "/d/g");
    await waitFor(isTold, { timeoutMs: 10_000, intervalMs: 2, what: "the delete is reported" });
    abort.abort();
    await pump;
  });

  it.each(["a link to another directory", "an empty directory", "a directory with one like ours"])(
    "while %s stands at the root nothing of it is told, whatever is asked",
    async (what) => {
      const looks: readonly (() => Promise<unknown>)[] = [
        () => pathsOf(source.scan("/", true, { signal })),
        () => pathsOf(source.scan("/d", true, { signal })),
        () => pathsOf(source.rescan(["/d"], { signal, opened: Promise.resolve() })),
        () => pathsOf(source.getAuditIterator({ signal, opened: Promise.resolve() })),
        () => source.verify(["/f", "/secret"], { signal }),
      ];
      mkdirSync(join(base, "outside/d"), { recursive: true });
      writeFileSync(join(base, "outside/secret"), "x");
      renameSync(root, join(base, "ours"));
      if (what.startsWith("a link")) symlinkSync("outside", root);
      else if (what.startsWith("an empty")) mkdirSync(root);
      else renameSync(join(base, "outside"), root);
      // The watch of a polled root looks at it once a second: most of these come before it has noticed.
      const told = await Promise.allSettled(looks.map((look) => look()));
      for (const look of told) {
        expect(look).toMatchObject({ status: "rejected", reason: { code: "FUSTOR_SOURCE_UNAVAILABLE" } });
      }
      rmSync(root, { recursive: true });
      renameSync(join(base, "ours"), root);
    },
  );
});
