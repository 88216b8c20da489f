import { expect, it } from "vitest";
import { coverageNotes } from "../../../../src/sources/fs/coverage-notes.ts";

const nothing = {
  engines: [],
  unwatched: {},
  polledElsewhere: 0,
  unreadableBy: {},
  unanswered: [],
  watchesUsed: 0,
  watchesLimit: 0,
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

it("names why directories cannot be read, and shortens a path of thousands of characters", () => {
  const deep = `/${"d".repeat(5000)}`;
  const unreadableBy = {
    "Permission denied": { count: 1, examples: ["/m"] },
    "its path is too long": { count: 2, examples: [deep] },
  };
  const [one, two] = coverageNotes({ ...nothing, unreadableBy });
  expect(one).toBe("1 directory cannot be read (Permission denied), for example /m");
  expect(two).toMatch(
    /^2 directories cannot be read \(its path is too long\), for example \/d+\.\.\. \(5001 characters\)$/,
  );
});

it("names what does not answer and for how long, and what is polled besides its watch", () => {
  const notes = coverageNotes({ ...nothing, polledElsewhere: 3, unanswered: [{ path: "/m", forMs: 73_400 }] });
  expect(notes[0]).toContain("3 directories lie on servers or FUSE mounts");
  expect(notes[1]).toBe("/m has not answered for 73 s: what lies there stays as last known, everything else goes on");
});
