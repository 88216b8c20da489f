import { describe, expect, it } from "vitest";
import { CoalescedBacklog } from "../../../src/bus/coalesced-backlog.ts";
import type { Change } from "../../../src/sdk/index.ts";
import { deleted, written } from "../../support/changes.ts";

const container = (key: string, sequence = 1): Change => ({ ...written(key, sequence), isContainer: true });
const short = ({ op, key }: Change): string => (op === "delete" ? `- ${key}` : key);
const BYTES = 10;

/** Every change has ten bytes. Throws when one was refused. */
function backlogOf(changes: readonly Change[], limits: { maxChanges?: number; maxBytes?: number } = {}) {
  const backlog = new CoalescedBacklog({ maxChanges: 100, maxBytes: 1000, ...limits });
  for (const change of changes) if (!backlog.add(change, BYTES)) throw new Error(`${short(change)} was refused`);
  return backlog;
}
const taken = (...changes: readonly Change[]): string[] => backlogOf(changes).take(100, 1e9).map(short);

describe("a backlog hands out", () => {
  it("deletes, then containers, then the rest, each in the order in which it was touched first", () => {
    const changes = [
      written("/d/b"),
      written("/a"),
      container("/e"),
      container("/d"),
      written("/d/b"),
      container("/e"),
    ];
    expect(taken(...changes, deleted("/y"), deleted("/x"))).toEqual(["- /y", "- /x", "/e", "/d", "/d/b", "/a"]);
  });

  it("nothing of a key before its delete, a container or not", () => {
    expect(taken(container("/d"), written("/f"), deleted("/d", 2, true), deleted("/f", 2))).toEqual(["- /d", "- /f"]);
  });

  it("nothing that lay in a container before that was deleted, but the deletes in it, and what came after", () => {
    const before = [written("/d/old"), container("/d/sub"), deleted("/d/gone"), written("/dd/other")];
    expect(taken(...before, deleted("/d", 2, true), written("/d/new", 3))).toEqual([
      ...["- /d/gone", "- /d"],
      ...["/dd/other", "/d/new"],
    ]);
  });

  it("a container in a new container behind it, although an older one of its name came before", () => {
    const again = [container("/d", 3), container("/d/x", 4)];
    expect(taken(container("/d/x"), deleted("/d", 2, true), ...again)).toEqual(["- /d", "/d", "/d/x"]);
  });

  it("one row of a key that was a container and is none, or the other way round", () => {
    expect(taken(container("/a"), written("/a"), written("/b"), container("/b"))).toEqual(["/b", "/a"]);
  });

  it("the delete of a container as such, although a later one does not know that it was one", () => {
    const [change] = backlogOf([deleted("/d", 1, true), deleted("/d", 2)]).take(10, 1e9);
    expect(change).toMatchObject({ op: "delete", key: "/d", isContainer: true, sequence: 2 });
  });

  it("the changes themselves where there is nothing to add", () => {
    const changes = [deleted("/d", 1, true), deleted("/f"), container("/e"), written("/a")];
    for (const [i, change] of backlogOf(changes).take(10, 1e9).entries()) expect(change).toBe(changes[i]);
  });

  it("as many as fit, and at least one", () => {
    const three = (): CoalescedBacklog => backlogOf([written("/a"), written("/b"), written("/c")]);
    expect(three().take(2, 1e9)).toHaveLength(2);
    expect(three().take(9, 2 * BYTES)).toHaveLength(2);
    expect(three().take(9, 2 * BYTES - 1)).toHaveLength(1);
    expect(three().take(9, 1)).toHaveLength(1);
  });
});

describe("a backlog counts", () => {
  it("keys and bytes of what it still has to hand out, outdated ones until it meets them", () => {
    const backlog = backlogOf([deleted("/x"), container("/d"), written("/d/f"), written("/a"), written("/a")]);
    expect([backlog.size, backlog.sizeBytes]).toEqual([4, 40]);
    backlog.add(written("/a"), 1);
    expect(backlog.sizeBytes).toBe(31);
    backlog.add(deleted("/d", 2, true), BYTES);
    expect([backlog.size, backlog.sizeBytes]).toEqual([4, 31]);
    // It meets what is outdated while it looks for a third one.
    backlog.take(2, 1e9);
    expect([backlog.size, backlog.sizeBytes, backlog.hasDeletes]).toEqual([1, 1, false]);
    expect(backlog.take(9, 1e9).map(short)).toEqual(["/a"]);
    expect([backlog.size, backlog.sizeBytes]).toEqual([0, 0]);
  });

  it("holds as much as it may and no more", () => {
    const keys = backlogOf([deleted("/a"), written("/b")], { maxChanges: 2 });
    expect(keys.add(written("/c"), BYTES)).toBe(false);
    const bytes = backlogOf([written("/a"), written("/b")], { maxBytes: 2 * BYTES });
    expect(bytes.add(written("/c"), BYTES)).toBe(false);
  });

  it("makes room of what is outdated when it is full", () => {
    const outdated = [written("/d/a"), container("/d/b"), deleted("/d", 2, true), written("/x")];
    expect(backlogOf(outdated, { maxChanges: 5 }).add(written("/y"), BYTES)).toBe(true);
    // A delete that was handed out is remembered only until then.
    const backlog = backlogOf([deleted("/d", 1, true), written("/a")], { maxChanges: 4 });
    backlog.take(1, 1e9);
    for (const key of ["/b", "/c", "/e"]) expect(backlog.add(written(key), BYTES), key).toBe(true);
  });
});

describe("a backlog that collapses", () => {
  it("hands over everything but the deletes of containers, and nothing that is outdated", () => {
    const backlog = backlogOf([
      ...[written("/d/old"), deleted("/d", 2, true), container("/e"), deleted("/g"), written("/h")],
    ]);
    const found: string[] = [];
    expect(backlog.collapse((change) => found.push(short(change)) > 0)).toBe(true);
    expect(found).toEqual(["- /g", "/e", "/h"]);
    expect([backlog.size, backlog.sizeBytes]).toEqual([1, BYTES]);
    expect(backlog.take(9, 1e9).map(short)).toEqual(["- /d"]);
  });

  it("is worth it when it leaves half of the room, in keys and in bytes", () => {
    const leaves = (limits: { maxChanges?: number; maxBytes?: number }): boolean =>
      backlogOf([deleted("/d", 1, true)], limits).collapse(() => true);
    // The delete counts twice: with what is still outdated by it.
    expect([leaves({ maxChanges: 4 }), leaves({ maxChanges: 3 })]).toEqual([true, false]);
    expect([leaves({ maxBytes: 2 * BYTES }), leaves({ maxBytes: 2 * BYTES - 1 })]).toEqual([true, false]);
  });

  it("stops at the first change that is refused", () => {
    expect(backlogOf([written("/a"), written("/b")]).collapse(({ key }) => key !== "/b")).toBe(false);
  });
});
