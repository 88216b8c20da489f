import { describe, expect, it } from "vitest";
import { Superseded, type SupersededView } from "../../../../src/pipe/bulk/superseded.ts";
import type { Change } from "../../../../src/sdk/index.ts";
import { deleted, written } from "../../../support/changes.ts";

describe("the keys that live changes touched during a pass", () => {
  function touched(...changes: Change[]): SupersededView {
    const table = new Superseded();
    const pass = table.view();
    pass.begin();
    for (const change of changes) table.note(change);
    return pass;
  }

  it("supersede rows that were read before, not those read after", () => {
    const keys = touched(written("/d/a", 10));
    expect([keys.supersedes("/d/a", 9), keys.supersedes("/d/a", 10), keys.supersedes("/d/b", 0)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("supersede everything below a deleted directory, however deep, but nothing beside it", () => {
    const keys = touched(deleted("/d", 10, true));
    expect(keys.supersedes("/d/x/y/z", 9)).toBe(true);
    expect(keys.supersedes("/d/x/y/z", 11)).toBe(false);
    expect(keys.supersedes("/dd/x", 0)).toBe(false);
    expect([keys.concerns("/d"), keys.concerns("/d/x/y"), keys.concerns("/e")]).toEqual([true, true, false]);
  });

  it("do not supersede what lies below a directory that was only changed", () => {
    const keys = touched({ ...written("/d", 10), isContainer: true });
    expect(keys.supersedes("/d/x", 0)).toBe(false);
    expect(keys.concerns("/d")).toBe(false);
  });

  it("are not recorded outside of a pass, and forgotten when it ends", () => {
    const table = new Superseded();
    const pass = table.view();
    table.note(written("/a", 5));
    expect(table.isEmpty).toBe(true);
    pass.begin();
    table.note(written("/a", 5));
    expect([pass.isEmpty, pass.supersedes("/a", 4)]).toEqual([false, true]);
    pass.end();
    expect([table.isEmpty, pass.supersedes("/a", 4)]).toEqual([true, false]);
  });

  it("are shared by passes that run at the same time: the last one to end forgets them", () => {
    const table = new Superseded();
    const [early, late] = [table.view(), table.view()];
    early.begin();
    table.note(written("/a", 5));
    late.begin();
    // Whatever the late pass reads is younger than what was sent before it began.
    expect([early.supersedes("/a", 4), late.supersedes("/a", 6)]).toEqual([true, false]);
    early.end();
    early.end();
    expect(table.supersedes("/a", 4), "the other pass still runs").toBe(true);
    table.note(written("/b", 9));
    expect([early.supersedes("/b", 8), late.supersedes("/b", 8)]).toEqual([false, true]);
    late.end();
    expect(table.isEmpty).toBe(true);
  });

  it("concern their directories, and everything below a deleted one, from the first on", () => {
    expect(touched(written("/d/a", 0)).concerns("/d")).toBe(true);
    const table = new Superseded(4);
    const old = table.view();
    old.begin();
    for (const name of ["a", "b", "c"]) table.note(written(`/d/${name}`, 0));
    expect([old.concerns("/d"), old.concerns("/e")]).toEqual([true, false]);
    expect(touched(deleted("/x", 0, true)).concerns("/x/y/z")).toBe(true);
  });

  it("keep the latest sequence of each, in whatever order they come", () => {
    const keys = touched(written("/d/a", 10), written("/d/a", 7), deleted("/e", 10, true), deleted("/e", 7, true));
    const at = (sequence: number): boolean[] => [
      keys.supersedes("/d/a", sequence),
      keys.supersedes("/e/x", sequence),
      keys.isDeleted("/e", sequence),
    ];
    expect([at(9), at(10)]).toEqual([Array(3).fill(true), Array(3).fill(false)]);
    expect([keys.isDeleted("/e/x", 9), keys.isDeleted("/d/a", 9), keys.isDeleted("/f", 0)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("beyond their bound forget the oldest first", () => {
    const table = new Superseded(10);
    const pass = table.view();
    pass.begin();
    for (let i = 0; i < 100; i++) table.note(written(`/f${i}`, i + 1));
    expect(pass.supersedes("/f99", 0)).toBe(true);
    expect(pass.supersedes("/f0", 0)).toBe(false);
  });

  it("are all known up to half of their bound, and more", () => {
    const table = new Superseded(4);
    const pass = table.view();
    pass.begin();
    for (let i = 0; i < 5; i++) table.note(written(`/f${i}`, i + 1));
    expect(pass.supersedes("/f0", 0)).toBe(true);
    table.note(written("/f5", 6));
    expect(pass.supersedes("/f0", 0)).toBe(false);
  });

  it("of a pass that is over count for no other: young ones, old ones, and deleted directories", () => {
    const table = new Superseded(4);
    const pass = table.view();
    pass.begin();
    pass.begin();
    for (let i = 0; i < 4; i++) table.note(written(`/f${i}`, 9));
    table.note(deleted("/d", 9, true));
    expect([pass.supersedes("/f0", 8), pass.supersedes("/f3", 8), pass.supersedes("/d/x", 8)]).toEqual([
      true,
      true,
      true,
    ]);
    const other = table.view();
    expect([other.isEmpty, pass.isEmpty]).toEqual([true, false]);
    pass.end();
    expect([table.isEmpty, table.concerns("/"), table.concerns("/d/x")]).toEqual([true, false, false]);
  });

  it("ask for a new pass when too many directories were deleted", () => {
    const table = new Superseded(10, 3);
    const [early, late] = [table.view(), table.view()];
    early.begin();
    for (let i = 0; i < 3; i++) table.note(deleted(`/d${i}`, i, true));
    expect(early.isOverrun).toBe(false);
    table.note(deleted("/d3", 9, true));
    expect([early.isOverrun, early.isEmpty, early.supersedes("/d3", 0)]).toEqual([true, true, false]);
    late.begin();
    expect(late.isOverrun, "it reads only what is younger").toBe(false);
    early.begin();
    expect(early.isOverrun).toBe(false);
  });
});

describe("what was forgotten while a pass ran", () => {
  it("is counted, so that a pass which was paused meanwhile knows", () => {
    const table = new Superseded(4, 2);
    const pass = table.view();
    pass.begin();
    for (const [at, key] of ["/a", "/b", "/c"].entries()) table.note(written(key, at));
    // The older half was empty.
    expect(table.losses).toBe(0);
    for (const [at, key] of ["/d", "/e", "/f"].entries()) table.note(written(key, at));
    expect(table.losses).toBe(1);
    for (const [at, key] of ["/x", "/y", "/z"].entries()) table.note(deleted(key, at, true));
    expect([table.losses, table.overruns]).toEqual([3, 1]);
  });
});
