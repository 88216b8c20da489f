import { expect, it } from "vitest";
import { coverageNotes } from "../../../../src/sources/fs/coverage-notes.ts";

const nothing = {
  engines: [],
  unwatched: {},
  unreadable: 0,
  watchesUsed: 0,
  watchesLimit: 0,
  lastError: "",
  lostMounts: [],
};

it("names a directory without a watch, the age of the oldest listing and the sysctl line that would watch them all", () => {
  const budget = { count: 20, staleMs: 41_000, examples: ["/a", "/b"] };
  const [note] = coverageNotes({ ...nothing, unwatched: { budget }, watchesUsed: 80, watchesLimit: 80 });
  expect(note).toContain("20 directories");
  expect(note).toContain("for example /a;");
  expect(note).toContain("41 s old");
  expect(note).toContain("sysctl fs.inotify.max_user_watches=120");
});

it("says nothing of an age or an example it does not know, and of sysctl only where a limit is spent", () => {
  const line = { count: 1, staleMs: 0, examples: [] };
  const notes = coverageNotes({ ...nothing, unwatched: { permission: line }, watchesUsed: 80, watchesLimit: 80 });
  expect(notes).toEqual(["1 directories have no watch and are polled (permission)"]);
});

it("of a budget of its own names that, and no setting of the kernel", () => {
  const budget = { count: 72, staleMs: 0, examples: [] };
  const watches = { watchesUsed: 10, watchesLimit: 192_536 };
  const [note] = coverageNotes({ ...nothing, unwatched: { budget }, ...watches }, 10);
  expect(note).toContain("max_watches of this source allows 10: set it to 99, or remove it");
  expect(note).not.toContain("sysctl");
});

it("never advises a smaller limit than the kernel has: other programs may hold the rest of it", () => {
  const budget = { count: 10, staleMs: 0, examples: [] };
  const watches = { watchesUsed: 30, watchesLimit: 1000 };
  for (const maxWatches of [0, 500]) {
    const [note] = coverageNotes({ ...nothing, unwatched: { budget }, ...watches }, maxWatches);
    expect(note).toContain("sysctl fs.inotify.max_user_watches=1012");
  }
});

it("names the limit of instances where that is spent", () => {
  const instances = { count: 5, staleMs: 0, examples: [] };
  const [note] = coverageNotes({ ...nothing, unwatched: { instances } });
  expect(note).toContain("fs.inotify.max_user_instances");
});
