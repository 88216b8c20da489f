import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { FustorError, type TreeEntry } from "../../../src/sdk/index.ts";
import type { NotCompared } from "../../../src/verify/compare-units.ts";
import { type Difference, EVERY_MEMBER } from "../../../src/verify/difference.ts";
import { type VerificationOptions, verifyTrees } from "../../../src/verify/verification.ts";
import { fileOf, folderOf, MemoryTree } from "../../support/memory-tree.ts";
import { seededRandom } from "../../support/temp-tree.ts";

const TINY = { subtree: 8, directory: 5 };

async function verified(disk: MemoryTree, view: MemoryTree, options: Partial<VerificationOptions> = {}) {
  const differences: Difference[] = [];
  const notCompared: NotCompared[] = [];
  const verdict = await verifyTrees({
    disk,
    view,
    members: EVERY_MEMBER,
    from: "/",
    settleMs: 0,
    signal: new AbortController().signal,
    onDifference: async (difference) => void differences.push(difference),
    onNotCompared: async (each) => void notCompared.push(each),
    ...options,
  });
  const said = (one: { path: string }, other: { path: string }): number => (one.path < other.path ? -1 : 1);
  return { verdict, differences: differences.sort(said), notCompared: notCompared.sort(said) };
}

const kindsOf = (differences: readonly Difference[]): Record<string, string> =>
  Object.fromEntries(differences.map(({ path, kind }) => [path, kind]));

/** A tree that grows at random, with names that sort oddly. */
function randomTree(random: () => number, size: number): TreeEntry[] {
  const folders = [""];
  return Array.from({ length: size }, (_, at) => {
    const parent = folders[Math.floor(random() * folders.length)] ?? "";
    const name = `${["a", "b b", "\n", "ü", "a-", "\u201bFF"][Math.floor(random() * 6)]}${at}`;
    const path = `${parent}/${name}`;
    if (random() < 0.3) folders.push(path);
    return folders.at(-1) === path ? folderOf(path, at) : fileOf(path, at, at + 0.5);
  });
}

/** Changes the view at random; what was changed, by path. Whole subtrees may be missing from it or be no more. */
function spoil(disk: MemoryTree, view: MemoryTree, random: () => number): Record<string, string> {
  const expected: Record<string, string> = {};
  for (const entry of disk.entries.values()) {
    const isBelowMissing = [...Object.keys(expected)].some((path) => entry.path.startsWith(`${path}/`));
    const roll = random();
    if (roll > 0.12 || isBelowMissing) continue;
    if (roll < 0.04) {
      for (const path of [...view.entries.keys()].filter(
        (at) => at === entry.path || at.startsWith(`${entry.path}/`),
      )) {
        view.entries.delete(path);
        expected[path] = "missing";
      }
    } else if (roll < 0.06) {
      view.put({ ...entry, size: entry.size + 1 });
      expected[entry.path] = "size";
    } else if (roll < 0.08) {
      view.put({ ...entry, modified: entry.modified + 1 });
      expected[entry.path] = "mtime";
    } else if (roll < 0.12 && entry.directory) {
      for (const ghost of [
        folderOf(`${entry.path}/zz`),
        folderOf(`${entry.path}/zz/q`),
        fileOf(`${entry.path}/zz/q/r`),
      ]) {
        view.put(ghost);
        expected[ghost.path] = "ghost";
      }
    }
  }
  return expected;
}

test("random differences of random trees are found, each of them and no other, whatever the parts are", async () => {
  const seed = Number(process.env.FUSTOR_SEED ?? randomInt(2 ** 31));
  const random = seededRandom(seed);
  for (let round = 0; round < 60; round++) {
    const entries = randomTree(random, 1 + Math.floor(random() * 120));
    const [disk, view] = [new MemoryTree().put(...entries), new MemoryTree().put(...entries)];
    const expected = spoil(disk, view, random);
    const bounds = { subtree: 1 + Math.floor(random() * 40), directory: 1 + Math.floor(random() * 40) };
    const { verdict, differences } = await verified(disk, view, { bounds });
    const what = `seed ${seed}, round ${round}, ${JSON.stringify(bounds)}`;
    expect(kindsOf(differences), what).toEqual(expected);
    expect(verdict, what).toMatchObject({
      entries: entries.length + 1,
      outcome: Object.keys(expected).length === 0 ? "equal" : "different",
    });
  }
});

test("a directory with more entries than fit is compared in shares, and none of them is larger than its share", async () => {
  const entries = Array.from({ length: 2000 }, (_, at) => fileOf(`/big/${at}`));
  const [disk, view] = [new MemoryTree(), new MemoryTree()];
  disk.put(folderOf("/big"), ...entries);
  view.put(folderOf("/big"), ...entries.slice(1), fileOf("/big/ghost"));
  const { differences, verdict } = await verified(disk, view, { bounds: { subtree: 8, directory: 100 } });
  expect(kindsOf(differences)).toEqual({ "/big/0": "missing", "/big/ghost": "ghost" });
  expect(verdict.entries).toBe(2002);
  expect(Math.max(disk.largest, view.largest)).toBeLessThan(100);
});

test("what another kind of entry hides is missing or a ghost, too", async () => {
  const disk = new MemoryTree().put(folderOf("/x"), fileOf("/x/inside"), fileOf("/y"));
  const view = new MemoryTree().put(fileOf("/x"), folderOf("/y"), fileOf("/y/inside"));
  for (const bounds of [TINY, { subtree: 0, directory: 5 }]) {
    const { differences } = await verified(disk, view, { bounds });
    expect(kindsOf(differences)).toEqual({
      "/x": "kind",
      "/x/inside": "missing",
      "/y": "kind",
      "/y/inside": "ghost",
    });
  }
});

test("what cannot be looked at is neither missing nor a ghost", async () => {
  const disk = new MemoryTree().put(folderOf("/locked"), fileOf("/seen"));
  disk.unknown.set("/locked", "open: EACCES");
  const view = new MemoryTree().put(folderOf("/locked"), fileOf("/locked/inside"), fileOf("/seen"));
  const { verdict, differences, notCompared } = await verified(disk, view);
  expect(differences).toEqual([]);
  expect(notCompared).toEqual([{ path: "/locked", reason: "open: EACCES" }]);
  expect(verdict.outcome).toBe("incomplete");
});

test("what differs below an excused path counts once, as not compared", async () => {
  const [disk, view] = [new MemoryTree(), new MemoryTree()];
  view.put(folderOf("/mnt"), fileOf("/mnt/a"), fileOf("/mnt/b"), fileOf("/mntx"));
  const { differences, notCompared } = await verified(disk, view, { excused: new Map([["/mnt", "gone"]]) });
  expect(kindsOf(differences)).toEqual({ "/mntx": "ghost" });
  expect(notCompared).toEqual([{ path: "/mnt", reason: "gone" }]);
});

test("differences that pass are no differences, and those that stay are said as they are in the end", async () => {
  const [disk, view] = [new MemoryTree(), new MemoryTree()];
  const late = Array.from({ length: 100 }, (_, at) => fileOf(`/late/${at}`));
  disk.put(folderOf("/late"), ...late, fileOf("/wrong"), fileOf("/single"));
  view.put(folderOf("/late"), fileOf("/wrong", 7), fileOf("/gone"));
  view.onList = () => {
    if (view.listings < 4) return;
    view.put(...late, fileOf("/single"), fileOf("/wrong", 8));
    view.entries.delete("/gone");
  };
  const { verdict, differences } = await verified(disk, view, { settleMs: 300 });
  expect(differences).toMatchObject([{ path: "/wrong", kind: "size", view: { size: 8 } }]);
  expect(verdict).toMatchObject({ settled: 102, outcome: "different" });
});

test("a file that changes all the time is followed when the view shows a state of meanwhile, and only then", async () => {
  const [disk, view] = [new MemoryTree(), new MemoryTree()];
  let now = 10;
  disk.onList = () => {
    now++;
    disk.put(fileOf("/followed", now, now), fileOf("/forgotten", now, now), fileOf("/garbled", now, now));
    view.put(fileOf("/followed", now - 1, now - 0.5), fileOf("/garbled", 0, now), fileOf("/forgotten", 1, 1));
  };
  const { verdict, differences } = await verified(disk, view, { settleMs: 400 });
  expect(kindsOf(differences)).toEqual({ "/forgotten": "size", "/garbled": "size" });
  expect(verdict.followed).toBe(1);
});

test("a call that fails in passing is repeated, and one that fails for good ends the comparison", async () => {
  const entries = [folderOf("/a"), fileOf("/a/b")];
  const [disk, view] = [new MemoryTree().put(...entries), new MemoryTree().put(...entries)];
  let failures = 2;
  view.onList = () => {
    if (failures-- > 0) throw new FustorError("FUSTOR_SENDER_BUSY", "not complete", { retryable: true });
  };
  expect((await verified(disk, view, { settleMs: 2000 })).verdict.outcome).toBe("equal");
  view.onList = () => {
    throw new FustorError("FUSTOR_SENDER_KEY_REFUSED", "no such key");
  };
  await expect(verified(disk, view, { settleMs: 2000 })).rejects.toThrow("no such key");
});

test("an interrupted comparison says what it had found", async () => {
  const [disk, view] = [new MemoryTree().put(fileOf("/missing")), new MemoryTree()];
  const stop = new AbortController();
  view.onList = () => {
    if (view.listings === 4) stop.abort();
  };
  const { verdict, differences } = await verified(disk, view, { settleMs: 60_000, signal: stop.signal });
  expect(kindsOf(differences)).toEqual({ "/missing": "missing" });
  expect(verdict).toMatchObject({ interrupted: true, outcome: "different" });
});

test("only what stands at the wanted path and below it is compared", async () => {
  const disk = new MemoryTree().put(folderOf("/a"), fileOf("/a/x"), fileOf("/b"));
  const view = new MemoryTree().put(folderOf("/a", 2), fileOf("/a/y"));
  const { differences, verdict } = await verified(disk, view, { from: "/a" });
  expect(kindsOf(differences)).toEqual({ "/a": "mtime", "/a/x": "missing", "/a/y": "ghost" });
  expect(verdict.entries).toBe(2);
});

test("a path at which nothing stands on either side is no proof, unless a repair has just removed what was there", async () => {
  const [disk, view] = [new MemoryTree().put(fileOf("/a")), new MemoryTree().put(fileOf("/a"))];
  const { verdict, notCompared } = await verified(disk, view, { from: "/misspelled" });
  expect(verdict.outcome).toBe("incomplete");
  expect(notCompared).toEqual([{ path: "/misspelled", reason: "nothing stands there on either side" }]);
  expect((await verified(disk, view, { from: "/gone", isAbsenceEqual: true })).verdict.outcome).toBe("equal");
});
