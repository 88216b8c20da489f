import { describe, expect, it } from "vitest";
import { type AuditSettings, firstAuditPlan, nextAuditPlan } from "../../../../src/pipe/bulk/audit-plan.ts";

const settings: AuditSettings = { intervalMs: 600_000, afterTakeOver: true, secondAfterMs: 30_000 };

/** Dice that move nothing. */
const late = (): number => 0;

describe("when a leader audits", () => {
  it("twice after a take-over, at once and a session timeout later, then at the interval", () => {
    const first = firstAuditPlan(settings, "unknown", late);
    const second = nextAuditPlan(first, "complete", settings, late);
    const third = nextAuditPlan(second, "complete", settings, late);
    const fourth = nextAuditPlan(third, "complete", settings, late);
    expect([first, second, third, fourth].map(({ delayMs }) => delayMs)).toEqual([0, 30_000, 600_000, 600_000]);
  });

  it("once after a start when only a run of its own that was stopped was there before", () => {
    const first = firstAuditPlan(settings, "own run that was stopped", late);
    const second = nextAuditPlan(first, "complete", settings, late);
    expect([first.delayMs, second.delayMs]).toEqual([0, 600_000]);
  });

  it("only at the interval when a run of its own is resumed", () => {
    expect(firstAuditPlan(settings, "own run that is resumed", late)).toEqual({ owed: 0, delayMs: 600_000 });
  });

  it("still twice after a take-over when Fusion turned the periodic ones off", () => {
    const off = { ...settings, intervalMs: 0 };
    const second = nextAuditPlan(firstAuditPlan(off, "unknown", late), "complete", off, late);
    expect([second, nextAuditPlan(second, "complete", off, late)].map(({ delayMs }) => delayMs)).toEqual([
      30_000,
      undefined,
    ]);
  });

  it("only at the interval when take-overs are not audited", () => {
    expect(firstAuditPlan({ ...settings, afterTakeOver: false }, "unknown", late)).toEqual({
      owed: 0,
      delayMs: 600_000,
    });
  });

  it("never when everything is off", () => {
    expect(
      firstAuditPlan({ intervalMs: 0, afterTakeOver: false, secondAfterMs: 1 }, "unknown", late).delayMs,
    ).toBeUndefined();
  });

  it("not right away again after rows were refused, and the take-over's audits stay owed", () => {
    const first = firstAuditPlan(settings, "unknown", late);
    expect(nextAuditPlan(first, "refused", settings, late)).toEqual({ owed: 2, delayMs: 600_000 });
  });

  it("is moved by dice, so that agents that took over together come apart, and never beyond the interval", () => {
    const most = (): number => 0.999;
    const first = firstAuditPlan(settings, "unknown", most);
    const second = nextAuditPlan(first, "complete", settings, most);
    const third = nextAuditPlan(second, "complete", settings, most);
    const fourth = nextAuditPlan(third, "complete", settings, most);
    const delays = [second, third, fourth].map(({ delayMs = 0 }) => Math.round(delayMs / 1000));
    expect(delays).toEqual([45, 300, 540]);
    const resumed = firstAuditPlan(settings, "own run that is resumed", most);
    expect(Math.round((resumed.delayMs ?? 0) / 1000)).toBe(300);
  });
});
