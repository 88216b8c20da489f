import { describe, expect, it } from "vitest";
import { mayHaveTombstones, predecessorOf } from "../../../../src/pipe/session/predecessors.ts";
import type { Role } from "../../../../src/sdk/index.ts";

const open = (role: Role) => ({ session: { sessionId: "s", role, sessionTimeoutMs: 600 }, askedAt: 0 });
const none = { earlierRunAliveAt: undefined, stoppedRunAliveAt: undefined, mayFollowOthers: false };

describe("what is known of those who led before", () => {
  it("is that nobody can have led after a run that was stopped less than a session timeout ago", () => {
    const before = { ...none, stoppedRunAliveAt: 1000 };
    const known = "own run that was stopped";
    expect([999, 1000, 1599, 1600].map((now) => predecessorOf(open("leader"), before, now))).toEqual([
      "unknown",
      known,
      known,
      "unknown",
    ]);
  });

  it("is nothing in a later session, as a follower, or without such a run", () => {
    const before = { ...none, stoppedRunAliveAt: 1000 };
    expect(predecessorOf(open("leader"), { ...before, mayFollowOthers: true }, 1000)).toBe("unknown");
    expect(predecessorOf(open("follower"), before, 1000)).toBe("unknown");
    expect(predecessorOf(open("leader"), none, 1000)).toBe("unknown");
  });

  it("is that tombstones of theirs may be there after a crash, in a later session, and as a follower", () => {
    expect(mayHaveTombstones(open("leader"), { ...none, stoppedRunAliveAt: 1 })).toBe(false);
    expect(mayHaveTombstones(open("leader"), { ...none, earlierRunAliveAt: 1 })).toBe(true);
    expect(mayHaveTombstones(open("leader"), { ...none, mayFollowOthers: true })).toBe(true);
    expect(mayHaveTombstones(open("follower"), none)).toBe(true);
  });
});
