import { describe, expect, it } from "vitest";
import { liftFromSecond } from "../../../../src/pipe/receiver/takeover.ts";

const at = 1_800_000_000_000;
const first = { at, earlierRunAliveAt: undefined, mayFollowOthers: false, sessionTimeoutMs: 30_000 };

describe("what a new leader brings back in the lifting form", () => {
  it("is nothing when nobody was there before", () => {
    expect(liftFromSecond(first)).toBeUndefined();
  });

  it("is everything younger than three session timeouts when another agent may have led", () => {
    expect(liftFromSecond({ ...first, mayFollowOthers: true })).toBe(at / 1000 - 90);
  });

  it("reaches back to the last heartbeat of a run that crashed", () => {
    expect(liftFromSecond({ ...first, earlierRunAliveAt: at - 3_600_000 })).toBe(at / 1000 - 3690);
  });

  it("is not cut short by a clock that stepped back in between", () => {
    expect(liftFromSecond({ ...first, earlierRunAliveAt: at + 3_600_000 })).toBe(at / 1000 - 90);
  });
});
