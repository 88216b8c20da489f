import { describe, expect, it } from "vitest";
import { planItems } from "../../../src/pipe/activities/realtime.ts";
import { isRevivable, liftingRow, RevivalSet } from "../../../src/pipe/revival.ts";
import { TouchedByActivity, TouchedKeys } from "../../../src/pipe/touched-keys.ts";
import type { Change } from "../../../src/sdk/index.ts";

const deleted = (key: string, sequence = 1, isContainer = false): Change => ({
  op: "delete",
  key,
  row: { path: key },
  sequence,
  isContainer,
});
const written = (key: string, sequence = 1): Change => ({
  op: "update",
  key,
  row: { path: key, modified_time: 5 },
  sequence,
  isContainer: false,
});

describe("the set of deleted paths", () => {
  it("takes over more than it may remember only as their directories", async () => {
    const told: string[][] = [];
    const known = { keys: ["/d/a", "/d/b", "/d/c", "/d/e"], directories: [], everything: false };
    const memory = {
      load: async () => known,
      note: () => undefined,
      forget: () => undefined,
      replace: ({ keys }: { readonly keys: Iterable<string> }) => void told.push([...keys]),
    };
    const set = new RevivalSet(3, memory);
    expect(await set.load()).toBe(true);
    expect(set.size).toBeLessThanOrEqual(3);
    expect(told).toHaveLength(1);
    // Nothing of what was known is lost by that.
    expect(known.keys.every((key) => set.needs(key))).toBe(true);
  });

  it("tells its memory of each deleted path once, and of nothing when all are known", () => {
    const noted: string[][] = [];
    const memory = {
      load: async () => undefined,
      note: (keys: Iterable<string>) => void noted.push([...keys]),
      forget: () => undefined,
      replace: () => undefined,
    };
    const set = new RevivalSet(3, memory);
    set.noteAllDeleted([deleted("/d/a"), deleted("/d/b")]);
    set.noteAllDeleted([deleted("/d/b", 2), deleted("/d/c")]);
    set.noteAllDeleted([deleted("/d/a", 3), deleted("/d/b", 3)]);
    set.noteAllDeleted([]);
    set.noteDeleted(deleted("/d/c", 4));
    expect(noted).toEqual([["/d/a", "/d/b"], ["/d/c"]]);
  });

  it("asks for a revival of a deleted path until one was accepted", () => {
    const set = new RevivalSet();
    set.noteDeleted(deleted("/d/a"));
    expect([set.needs("/d/a"), set.needs("/d/b")]).toEqual([true, false]);
    set.noteRevived("/d/a");
    expect(set.needs("/d/a")).toBe(false);
    expect(set.isEmpty).toBe(true);
  });

  it("asks for one of a snapshot row only when the row was read after the delete", () => {
    const set = new RevivalSet();
    set.noteDeleted(deleted("/d/a", 10));
    expect([set.needsInBulk("/d/a", 9), set.needsInBulk("/d/a", 10)]).toEqual([false, true]);
    expect([set.concerns("/d"), set.concerns("/e")]).toEqual([true, false]);
  });

  it("beyond its bound asks for every path of the directories in which something was deleted", () => {
    const set = new RevivalSet(3);
    for (const name of ["a", "b", "c", "d"]) set.noteDeleted(deleted(`/d/${name}`));
    expect(set.size).toBe(0);
    expect([set.needs("/d/never-deleted"), set.needs("/e/a")]).toEqual([true, false]);
    set.noteRevived("/d/a");
    expect(set.needs("/d/a")).toBe(true);
  });

  it("beyond the bound of directories asks for every path", () => {
    const set = new RevivalSet(3);
    for (let i = 0; i < 8; i++) set.noteDeleted(deleted(`/d${i}/a`));
    expect(set.needs("/anything")).toBe(true);
    expect(set.isEmpty).toBe(true);
  });
});

interface Known {
  readonly keys: readonly string[];
  readonly directories: readonly string[];
  readonly everything: boolean;
}

/** What an earlier run left, and what it is told. */
function remembering(known: Known | undefined) {
  const told = { noted: [] as string[], forgotten: [] as string[], replaced: [] as Known[] };
  const memory = {
    load: async () => known,
    note: (keys: Iterable<string>) => void told.noted.push(...keys),
    forget: (keys: Iterable<string>) => void told.forgotten.push(...keys),
    replace: ({ keys, directories, everything }: Known) =>
      void told.replaced.push({ keys: [...keys], directories: [...directories], everything }),
  };
  return { memory, told };
}

describe("what an earlier run left of the set", () => {
  it("is nothing without a memory, and not known when that cannot be read", async () => {
    const alone = new RevivalSet();
    expect([await alone.load(), alone.isEmpty, alone.size]).toEqual([true, true, 0]);
    const lost = new RevivalSet(3, remembering(undefined).memory);
    expect([await lost.load(), lost.isEmpty]).toEqual([false, true]);
    const { memory } = remembering(undefined);
    const failing = { ...memory, load: () => Promise.reject(new Error("gone")) };
    expect(await new RevivalSet(3, failing).load()).toBe(false);
  });

  it("is taken over: keys whose rows are all newer, whole directories, and everything", async () => {
    const some = new RevivalSet(3, remembering({ keys: ["/k/a"], directories: ["/d"], everything: false }).memory);
    expect(await some.load()).toBe(true);
    expect(["/k/a", "/k/b", "/d/x", "/e/x"].map((key) => some.needs(key))).toEqual([true, false, true, false]);
    expect(["/k/a", "/k/b", "/d/x", "/e/x"].map((key) => some.needsInBulk(key, 0))).toEqual([true, false, true, false]);
    expect(["/k", "/d", "/e"].map((directory) => some.concerns(directory))).toEqual([true, true, false]);
    expect(some.isEmpty).toBe(false);
    const all = new RevivalSet(3, remembering({ keys: [], directories: [], everything: true }).memory);
    await all.load();
    expect(all.needs("/anything")).toBe(true);
  });

  it("is kept as it is up to the bound, of keys as of directories", async () => {
    const keys = remembering({ keys: ["/d/a", "/d/b", "/d/c"], directories: [], everything: false });
    const one = new RevivalSet(3, keys.memory);
    await one.load();
    expect([one.size, one.needs("/d/x"), keys.told.replaced]).toEqual([3, false, []]);
    const directories = remembering({ keys: [], directories: ["/a", "/b", "/c"], everything: false });
    const other = new RevivalSet(3, directories.memory);
    await other.load();
    expect([other.needs("/a/x"), other.needs("/d/x"), directories.told.replaced]).toEqual([true, false, []]);
    const tooMany = remembering({ keys: [], directories: ["/a", "/b", "/c", "/d"], everything: false });
    const third = new RevivalSet(3, tooMany.memory);
    await third.load();
    expect(third.needs("/e/x")).toBe(true);
    expect(tooMany.told.replaced).toEqual([{ keys: [], directories: [], everything: true }]);
  });
});

describe("the memory of the set", () => {
  it("is told of a revival, but not of one that nobody waited for", () => {
    const { memory, told } = remembering(undefined);
    const set = new RevivalSet(3, memory);
    set.noteDeleted(deleted("/d/a"));
    set.noteRevived("/d/a");
    set.noteRevived("/d/a");
    set.noteRevived("/d/other");
    expect(told).toEqual({ noted: ["/d/a"], forgotten: ["/d/a"], replaced: [] });
  });

  it("gets the directories when there are too many keys, and nothing more of what lies in them", () => {
    const { memory, told } = remembering(undefined);
    const set = new RevivalSet(2, memory);
    set.noteAllDeleted(["/d/a", "/d/b"].map((key) => deleted(key)));
    expect([set.size, told.replaced]).toEqual([2, []]);
    set.noteDeleted(deleted("/e/c"));
    expect(told.replaced).toEqual([{ keys: [], directories: ["/d", "/e"], everything: false }]);
    set.noteDeleted(deleted("/d/again"));
    expect([set.size, set.isEmpty, told.noted]).toEqual([0, false, ["/d/a", "/d/b", "/e/c"]]);
    set.noteAllDeleted(["/f/a", "/f/b", "/f/c"].map((key) => deleted(key)));
    expect(told.replaced.at(-1)).toEqual({ keys: [], directories: [], everything: true });
    set.noteDeleted(deleted("/g/a"));
    expect([set.size, set.needs("/h/a"), told.noted.includes("/g/a")]).toEqual([0, true, false]);
  });
});

it("a lifting row is the row, dated about three years ahead", () => {
  const row = { path: "/a", modified_time: 5, size: 7 };
  expect(liftingRow(row, 2_000_000)).toEqual({ path: "/a", modified_time: 2_000 + 1e8, size: 7 });
  expect([isRevivable(row), isRevivable({ path: "/a" })]).toEqual([true, false]);
});

describe("a batch of live changes", () => {
  const plan = (set: RevivalSet, ...changes: Change[]): boolean[] =>
    planItems({ changes, indexes: changes.map((_, i) => i) }, set).map(({ revive }) => revive);

  it("revives the first upsert after a delete, not the second", () => {
    expect(plan(new RevivalSet(), deleted("/a"), written("/a"), written("/a"))).toEqual([false, true, false]);
  });

  it("revives again after each delete", () => {
    const changes = [deleted("/a"), written("/a"), deleted("/a"), written("/a")];
    expect(plan(new RevivalSet(), ...changes)).toEqual([false, true, false, true]);
  });

  it("revives what was deleted in a batch before", () => {
    const set = new RevivalSet();
    set.noteDeleted(deleted("/a"));
    expect(plan(set, written("/a"), written("/b"))).toEqual([true, false]);
  });

  it("leaves rows alone that have no modification time", () => {
    expect(plan(new RevivalSet(), deleted("/a"), { ...written("/a"), row: { path: "/a" } })).toEqual([false, false]);
  });
});

describe("the keys that live changes touched during a pass", () => {
  function touched(...changes: Change[]): TouchedKeys {
    const keys = new TouchedKeys();
    keys.begin();
    for (const change of changes) keys.note(change);
    return keys;
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
    const keys = new TouchedKeys();
    keys.note(written("/a", 5));
    expect(keys.isEmpty).toBe(true);
    keys.begin();
    keys.note(written("/a", 5));
    keys.end();
    expect(keys.isEmpty).toBe(true);
  });

  it("are those of one pass alone, whichever way it ended", () => {
    for (const next of ["end", "begin"] as const) {
      const keys = new TouchedKeys(4, 1);
      keys.begin();
      for (const name of ["a", "b", "c", "d", "e"]) keys.note(written(`/k/${name}`, 5));
      expect(["a", "b", "c", "d", "e"].filter((name) => !keys.supersedes(`/k/${name}`, 0))).toEqual([]);
      expect([keys.concerns("/k"), keys.concerns("/elsewhere")]).toEqual([true, false]);
      for (const name of ["x", "y"]) keys.note(deleted(`/${name}`, 6, true));
      expect([keys.supersedes("/k/e", 0), keys.supersedes("/x/below", 0), keys.isOverrun]).toEqual([true, true, true]);
      keys[next]();
      const known = ["/k/c", "/k/d", "/k/e", "/x", "/x/below"].map((key) => keys.supersedes(key, 0));
      expect([...known, keys.concerns("/k"), keys.concerns("/x"), keys.isOverrun, keys.isEmpty]).toEqual([
        ...Array<boolean>(8).fill(false),
        true,
      ]);
      keys.note(written("/later", 7));
      expect(keys.supersedes("/later", 0)).toBe(next === "begin");
    }
  });

  it("concern their directories, and everything below a deleted one, from the first on", () => {
    expect(touched(written("/d/a", 0)).concerns("/d")).toBe(true);
    const old = new TouchedKeys(4);
    old.begin();
    for (const name of ["a", "b", "c"]) old.note(written(`/d/${name}`, 0));
    expect([old.concerns("/d"), old.concerns("/e")]).toEqual([true, false]);
    expect(touched(deleted("/x", 0, true)).concerns("/x/y/z")).toBe(true);
  });

  it("keep the latest sequence of each, in whatever order they come", () => {
    const keys = touched(written("/d/a", 10), written("/d/a", 7), deleted("/e", 10, true), deleted("/e", 7, true));
    expect([keys.supersedes("/d/a", 9), keys.supersedes("/e/x", 9), keys.isDeleted("/e", 9)]).toEqual([
      true,
      true,
      true,
    ]);
    expect([keys.supersedes("/d/a", 10), keys.supersedes("/e/x", 10), keys.isDeleted("/e", 10)]).toEqual([
      false,
      false,
      false,
    ]);
    expect([keys.isDeleted("/e/x", 9), keys.isDeleted("/d/a", 9), keys.isDeleted("/f", 0)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("are noted for every activity that has begun", () => {
    const touched = new TouchedByActivity();
    const all = [touched.snapshot, touched.audit, touched.scan, touched.rescan, touched.announcement];
    touched.note(written("/before", 1));
    for (const keys of all) keys.begin();
    touched.note(written("/a", 5));
    expect(all.map((keys) => [keys.supersedes("/a", 4), keys.supersedes("/before", 0)])).toEqual(
      Array.from(all, () => [true, false]),
    );
  });

  it("beyond their bound forget the oldest first", () => {
    const keys = new TouchedKeys(10);
    keys.begin();
    for (let i = 0; i < 100; i++) keys.note(written(`/f${i}`, i + 1));
    expect(keys.supersedes("/f99", 0)).toBe(true);
    expect(keys.supersedes("/f0", 0)).toBe(false);
  });

  it("ask for a new pass when too many directories were deleted", () => {
    const keys = new TouchedKeys(10, 3);
    keys.begin();
    for (let i = 0; i < 3; i++) keys.note(deleted(`/d${i}`, i, true));
    expect(keys.isOverrun).toBe(false);
    keys.note(deleted("/d3", 9, true));
    expect(keys.isOverrun).toBe(true);
  });
});

it("a live row that is older than the tombstones another run may have left is revived, a younger one is not", () => {
  const set = new RevivalSet();
  const row = (modified_time: number) => ({ path: "/moved", modified_time });
  expect(set.needsLive("/moved", row(500))).toBe(false);
  set.noteOthersUntil(1000);
  expect(set.needsLive("/moved", row(500))).toBe(true);
  expect([row(1000), row(1001), { path: "/moved" }].map((each) => set.needsLive("/moved", each))).toEqual([
    false,
    false,
    false,
  ]);
  set.noteDeleted(deleted("/gone"));
  expect(set.needsLive("/gone", row(1001))).toBe(true);
  set.noteOthersUntil(900);
  expect(set.needsLive("/moved", row(950)), "an earlier moment takes nothing back").toBe(true);
});
