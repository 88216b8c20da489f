/** What a scan could not look at, as a comparison hears of it. */
import { expect, test } from "vitest";
import type { Addon } from "../../../../src/native/addon.ts";
import type { ScanError } from "../../../../src/native/scan.ts";
import { DiskTree } from "../../../../src/sources/fs/disk-tree.ts";
import type { FsSourceOptions } from "../../../../src/sources/fs/fs-options.ts";

/** A scan that finds nothing but these errors, of which there are so many in all. */
function treeWith(errors: readonly ScanError[], count = errors.length): DiskTree {
  const errorsByCode = count === 0 ? {} : { [errors[0]?.code ?? "EACCES"]: count };
  const scan = {
    next: async () => null,
    cancel: () => undefined,
    close: () => undefined,
    summary: () => ({ complete: true, errors, errorsByCode }),
  };
  const addon = { decodeName: (name: string) => name, createScan: () => scan } as unknown as Addon;
  return new DiskTree({ root: "/nowhere", exclude: [] as readonly string[], canaryMs: 0 } as FsSourceOptions, addon);
}

const options = { signal: new AbortController().signal };

test("a directory whose listing goes in circles is not known; what lies behind a link is gone", async () => {
  const inCircles = { path: "/d", code: "ELOOP", operation: "list" };
  expect((await treeWith([inCircles]).list("/d", options)).unknown).toEqual(new Map([["/d", "list: ELOOP"]]));
  expect((await treeWith([{ ...inCircles, operation: "open" }]).list("/d", options)).unknown.size).toBe(0);
});

test("more errors than are named are said to be there", async () => {
  const errors = Array.from({ length: 100 }, (_, at) => ({ path: `/${at}`, code: "EACCES", operation: "open" }));
  expect(await treeWith(errors).list("/", options)).toMatchObject({ hasUnnamed: false });
  expect(await treeWith(errors, 101).list("/", options)).toMatchObject({ hasUnnamed: true });
});
