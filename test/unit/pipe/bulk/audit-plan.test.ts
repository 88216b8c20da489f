import { describe, expect, it } from "vitest";
import { type AuditSettings, firstAuditPlan, nextAuditPlan } from "../../../../src/pipe/bulk/audit-plan.ts";

const settings: AuditSettings = { intervalMs: 600_000, afterTakeOver: true, secondAfterMs: 30_000 };

describe("when a leader audits", () => {
  it("twice after a take-over, at once and a session timeout later, then at the interval", () => {
    const first = firstAuditPlan(settings, "unknown");
    const second = nextAuditPlan(first, "complete", settings);
    const third = nextAuditPlan(second, "complete", settings);
    const fourth = nextAuditPlan(third, "complete", settings);
    expect([first, second, third, fourth].map(({ delayMs }) => delayMs)).toEqual([0, 30_000, 600_000, 600_000]);
  });

  it("once after a start when only a run of its own that was stopped was there before", () => {
    const first = firstAuditPlan(settings, "own run that was stopped");
    const second = nextAuditPlan(first, "complete", settings);
    expect([first.delayMs, second.delayMs]).toEqual([0, 600_000]);
  });

  it("only at the interval when a run of its own is resumed", () => {
    expect(firstAuditPlan(settings, "own run that is resumed")).toEqual({ owed: 0, delayMs: 600_000 });
  });

  it("still twice after a take-over when Fusion turned the periodic ones off", () => {
    const off = { ...settings, intervalMs: 0 };
    const second = nextAuditPlan(firstAuditPlan(off, "unknown"), "complete", off);
    expect([second, nextAuditPlan(second, "complete", off)].map(({ delayMs }) => delayMs)).toEqual([30_000, undefined]);
  });

  it("only at the interval when take-overs are not audited", () => {
    expect(firstAuditPlan({ ...settings, afterTakeOver: false }, "unknown")).toEqual({ owed: 0, delayMs: 600_000 });
  });

  it("never when everything is off", () => {
    expect(
      firstAuditPlan({ intervalMs: 0, afterTakeOver: false, secondAfterMs: 1 }, "unknown").delayMs,
    ).toBeUndefined();
  });

  it("not right away again after rows were refused, and the take-over's audits stay owed", () => {
    const first = firstAuditPlan(settings, "unknown");
    expect(nextAuditPlan(first, "refused", settings)).toEqual({ owed: 2, delayMs: 600_000 });
  });
});
