import { describe, expect, it } from "vitest";
import { Arbitration } from "../../../src/fusion/arbitration.ts";
import { search } from "../../../src/fusion/search.ts";

describe("search", () => {
  const clock = { wallSeconds: () => 1000, monotonicMs: () => 1000 };
  const view = (...paths: string[]): Arbitration => {
    const arbitration = new Arbitration({ clock, hotFileSeconds: 1, tombstoneSeconds: 1 });
    for (const path of paths) arbitration.tree.ensure(path, false, "");
    return arbitration;
  };
  const found = async (arbitration: Arbitration, pattern: string, limit = 10): Promise<string[] | undefined> => {
    const heads = await search(arbitration, pattern, limit, () => true);
    return heads === undefined ? undefined : [...heads.keys()];
  };

  it("looks at names, with a slash at whole paths, up to a limit", async () => {
    const arbitration = view("/a/x.txt", "/b/x.txt", "/b/y.txt");
    expect(await found(arbitration, "x.*")).toEqual(["/a/x.txt", "/b/x.txt"]);
    expect(await found(arbitration, "/b/*")).toEqual(["/b/x.txt", "/b/y.txt"]);
    expect(await found(arbitration, "*b/*")).toEqual(["/b/x.txt", "/b/y.txt"]);
    expect(await found(arbitration, "*", 2)).toHaveLength(2);
  });

  it("ends without an answer when the view is emptied under it or nobody waits for it", async () => {
    const many = view();
    for (let at = 0; at < 200_000; at++) many.tree.ensure(`/d/name-${at}`, false, "");
    expect(await search(many, "nothing", 10, () => false)).toBeUndefined();
    const running = found(many, "nothing");
    many.reset();
    expect(await running).toBeUndefined();
  });
});
