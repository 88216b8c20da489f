import { describe, expect, it } from "vitest";
import { Tombstones } from "../../../../src/pipe/receiver/tombstones.ts";
import { planItems } from "../../../../src/pipe/send/live.ts";
import type { Change } from "../../../../src/sdk/index.ts";
import { deleted, written } from "../../../support/changes.ts";

describe("the set of deleted paths", () => {
  it("takes over more than it may remember only as their directories", async () => {
    const told: string[][] = [];
    const known = { keys: ["/d/a", "/d/b", "/d/c", "/d/e"], directories: [], everything: false };
    const store = {
      load: async () => known,
      note: () => undefined,
      forget: () => undefined,
      replace: ({ keys }: { readonly keys: Iterable<string> }) => void told.push([...keys]),
    };
    const set = new Tombstones(3, store);
    expect(await set.load()).toBe(true);
    expect(set.size).toBeLessThanOrEqual(3);
    expect(told).toHaveLength(1);
    // Nothing of what was known is lost by that.
    expect(known.keys.every((key) => set.needs(key))).toBe(true);
  });

  it("tells its store of each deleted path once, and of nothing when all are known", () => {
    const noted: string[][] = [];
    const store = {
      load: async () => undefined,
      note: (keys: Iterable<string>) => void noted.push([...keys]),
      forget: () => undefined,
      replace: () => undefined,
    };
    const set = new Tombstones(3, store);
    set.noteAllDeleted([deleted("/d/a"), deleted("/d/b")]);
    set.noteAllDeleted([deleted("/d/b", 2), deleted("/d/c")]);
    set.noteAllDeleted([deleted("/d/a", 3), deleted("/d/b", 3)]);
    set.noteAllDeleted([]);
    set.noteDeleted(deleted("/d/c", 4));
    expect(noted).toEqual([["/d/a", "/d/b"], ["/d/c"]]);
  });

  it("asks for the lifting form of a deleted path until one was accepted", () => {
    const set = new Tombstones();
    set.noteDeleted(deleted("/d/a"));
    expect([set.needs("/d/a"), set.needs("/d/b")]).toEqual([true, false]);
    set.noteLifted("/d/a");
    expect(set.needs("/d/a")).toBe(false);
    expect(set.isEmpty()).toBe(true);
  });

  it("asks for one of a snapshot row only when the row was read after the delete", () => {
    const set = new Tombstones();
    set.noteDeleted(deleted("/d/a", 10));
    expect([set.needsInBulk("/d/a", 9), set.needsInBulk("/d/a", 10)]).toEqual([false, true]);
    expect([set.concerns("/d"), set.concerns("/e")]).toEqual([true, false]);
  });

  it("beyond its bound asks for every path of the directories in which something was deleted", () => {
    const set = new Tombstones(3);
    for (const name of ["a", "b", "c", "d"]) set.noteDeleted(deleted(`/d/${name}`));
    expect(set.size).toBe(0);
    expect([set.needs("/d/never-deleted"), set.needs("/e/a")]).toEqual([true, false]);
    set.noteLifted("/d/a");
    expect(set.needs("/d/a")).toBe(true);
  });

  it("beyond the bound of directories asks for every path", () => {
    const set = new Tombstones(3);
    for (let i = 0; i < 8; i++) set.noteDeleted(deleted(`/d${i}/a`));
    expect(set.needs("/anything")).toBe(true);
    expect(set.size).toBe(0);
  });

  it("beyond the bound of directories asks for every row in bulk, the root's apart, but not for those of an audit", () => {
    const set = new Tombstones(3);
    for (let i = 0; i < 8; i++) set.noteDeleted(deleted(`/d${i}/a`));
    expect([set.isEmpty(), set.concerns("/x"), set.needsInBulk("/x/y", 0)]).toEqual([false, true, true]);
    expect(set.needsInBulk("/", 0)).toBe(false);
    const { inAudits } = set;
    expect([inAudits.isEmpty(), inAudits.concerns("/x"), inAudits.needsInBulk("/x/y", 0)]).toEqual([
      true,
      false,
      false,
    ]);
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
  const store = {
    load: async () => known,
    note: (keys: Iterable<string>) => void told.noted.push(...keys),
    forget: (keys: Iterable<string>) => void told.forgotten.push(...keys),
    replace: ({ keys, directories, everything }: Known) =>
      void told.replaced.push({ keys: [...keys], directories: [...directories], everything }),
  };
  return { store, told };
}

describe("what an earlier run left of the set", () => {
  it("is nothing without a store, and not known when that cannot be read", async () => {
    const alone = new Tombstones();
    expect([await alone.load(), alone.isEmpty(), alone.size]).toEqual([true, true, 0]);
    const lost = new Tombstones(3, remembering(undefined).store);
    expect([await lost.load(), lost.isEmpty()]).toEqual([false, true]);
    const { store } = remembering(undefined);
    const failing = { ...store, load: () => Promise.reject(new Error("gone")) };
    expect(await new Tombstones(3, failing).load()).toBe(false);
  });

  it("is taken over: keys whose rows are all newer, whole directories, and everything", async () => {
    const some = new Tombstones(3, remembering({ keys: ["/k/a"], directories: ["/d"], everything: false }).store);
    expect(await some.load()).toBe(true);
    expect(["/k/a", "/k/b", "/d/x", "/e/x"].map((key) => some.needs(key))).toEqual([true, false, true, false]);
    expect(["/k/a", "/k/b", "/d/x", "/e/x"].map((key) => some.needsInBulk(key, 0))).toEqual([true, false, true, false]);
    expect(["/k", "/d", "/e"].map((directory) => some.concerns(directory))).toEqual([true, true, false]);
    expect([some.isEmpty(), some.inAudits.isEmpty()]).toEqual([false, false]);
    const all = new Tombstones(3, remembering({ keys: [], directories: [], everything: true }).store);
    await all.load();
    expect(all.needs("/anything")).toBe(true);
  });

  it("is kept as it is up to the bound, of keys as of directories", async () => {
    const keys = remembering({ keys: ["/d/a", "/d/b", "/d/c"], directories: [], everything: false });
    const one = new Tombstones(3, keys.store);
    await one.load();
    expect([one.size, one.needs("/d/x"), keys.told.replaced]).toEqual([3, false, []]);
    const directories = remembering({ keys: [], directories: ["/a", "/b", "/c"], everything: false });
    const other = new Tombstones(3, directories.store);
    await other.load();
    expect([other.needs("/a/x"), other.needs("/d/x"), directories.told.replaced]).toEqual([true, false, []]);
    const tooMany = remembering({ keys: [], directories: ["/a", "/b", "/c", "/d"], everything: false });
    const third = new Tombstones(3, tooMany.store);
    await third.load();
    expect(third.needs("/e/x")).toBe(true);
    expect(tooMany.told.replaced).toEqual([{ keys: [], directories: [], everything: true }]);
  });
});

describe("the store of the set", () => {
  it("hears of a lifted path, but not of one that nothing waited for", () => {
    const { store, told } = remembering(undefined);
    const set = new Tombstones(3, store);
    set.noteDeleted(deleted("/d/a"));
    set.noteLifted("/d/a");
    set.noteLifted("/d/a");
    set.noteLifted("/d/other");
    expect(told).toEqual({ noted: ["/d/a"], forgotten: ["/d/a"], replaced: [] });
  });

  it("gets the directories when there are too many keys, and nothing more of what lies in them", () => {
    const { store, told } = remembering(undefined);
    const set = new Tombstones(2, store);
    set.noteAllDeleted(["/d/a", "/d/b"].map((key) => deleted(key)));
    expect([set.size, told.replaced]).toEqual([2, []]);
    set.noteDeleted(deleted("/e/c"));
    expect(told.replaced).toEqual([{ keys: [], directories: ["/d", "/e"], everything: false }]);
    set.noteDeleted(deleted("/d/again"));
    expect([set.size, set.isEmpty(), told.noted]).toEqual([0, false, ["/d/a", "/d/b", "/e/c"]]);
    set.noteAllDeleted(["/f/a", "/f/b", "/f/c"].map((key) => deleted(key)));
    expect(told.replaced.at(-1)).toEqual({ keys: [], directories: [], everything: true });
    set.noteDeleted(deleted("/g/a"));
    expect([set.size, set.needs("/h/a"), told.noted.includes("/g/a")]).toEqual([0, true, false]);
  });
});

describe("a batch of live changes", () => {
  const plan = (set: Tombstones, ...changes: Change[]): boolean[] =>
    planItems({ changes, indexes: changes.map((_, i) => i) }, set).map(({ lift }) => lift);

  it("knowsTombstones the first upsert after a delete, not the second", () => {
    expect(plan(new Tombstones(), deleted("/a"), written("/a"), written("/a"))).toEqual([false, true, false]);
  });

  it("knowsTombstones again after each delete", () => {
    const changes = [deleted("/a"), written("/a"), deleted("/a"), written("/a")];
    expect(plan(new Tombstones(), ...changes)).toEqual([false, true, false, true]);
  });

  it("knowsTombstones what was deleted in a batch before", () => {
    const set = new Tombstones();
    set.noteDeleted(deleted("/a"));
    expect(plan(set, written("/a"), written("/b"))).toEqual([true, false]);
  });

  it("leaves rows alone that have no modification time", () => {
    expect(plan(new Tombstones(), deleted("/a"), { ...written("/a"), row: { path: "/a" } })).toEqual([false, false]);
  });
});

it("a live row that is older than the tombstones another run may have left is lifted, a younger one is not", () => {
  const set = new Tombstones();
  const row = (modified_time: number) => ({ path: "/moved", modified_time });
  expect(set.needsLive("/moved", row(500))).toBe(false);
  set.noteOthersUntil(1000);
  expect(set.needsLive("/moved", row(500))).toBe(true);
  expect([set.needsLive("/moved", row(999)), set.needsLive("/moved", row(1000))]).toEqual([true, false]);
  set.noteOthersUntil(900);
  expect(set.needsLive("/moved", row(950)), "an earlier moment takes nothing back").toBe(true);
});

it("tombstones of another run count until an audit ends two hours later: Fusion has dropped them by then", () => {
  const set = new Tombstones();
  const old = { path: "/moved", modified_time: 500 };
  set.noteOthersUntil(1000);
  set.noteAuditEnd(1000 + 7200);
  expect([set.needsLive("/moved", old), set.mayHoldOthers]).toEqual([true, true]);
  set.noteAuditEnd(1001 + 7200);
  expect([set.needsLive("/moved", old), set.mayHoldOthers]).toEqual([false, false]);
});
