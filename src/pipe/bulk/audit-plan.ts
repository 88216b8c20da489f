/**
 * When a leader audits. Pure.
 *
 * A leader that takes over does not know what the view holds: entries that were deleted while no agent ran, and rows of
 * a session that died, which may still come out of Fusion's queue after our snapshot. So two complete audits follow the
 * snapshot, the second one a session timeout after the first, and then one each interval. The second is left out when
 * no such session can exist (docs/decisions/0005-audits-after-a-start.md).
 */
export interface AuditSettings {
  /** Between two periodic audits, 0 = none. */
  readonly intervalMs: number;
  /** Whether a take-over is followed by audits. */
  readonly afterTakeOver: boolean;
  /** From the first audit of a take-over to the second. */
  readonly secondAfterMs: number;
}

export interface AuditPlan {
  /** Complete audits that the take-over still asks for. */
  readonly owed: number;
  /** How long to wait for the next one; undefined = there is none. */
  readonly delayMs: number | undefined;
}

export type AuditOutcome =
  | "complete"
  /** Rows of it were refused for their content: the same would happen again right away. */
  | "refused";

/**
 * Whose rows may still be under way when we begin to lead: another session's, or none but those of our own run that was
 * stopped. When the receiver holds exactly what that run left, and the source says what is different since, no audit
 * has anything to repair (docs/decisions/0014-restarts-that-send-the-difference.md).
 */
export type Predecessor = "unknown" | "own run that was stopped" | "own run that is resumed";

const AUDITS_AFTER: Record<Predecessor, number> = {
  unknown: 2,
  "own run that was stopped": 1,
  "own run that is resumed": 0,
};

const periodic = ({ intervalMs }: AuditSettings): number | undefined => (intervalMs > 0 ? intervalMs : undefined);

export const firstAuditPlan = (settings: AuditSettings, predecessor: Predecessor): AuditPlan =>
  settings.afterTakeOver && AUDITS_AFTER[predecessor] > 0
    ? { owed: AUDITS_AFTER[predecessor], delayMs: 0 }
    : { owed: 0, delayMs: periodic(settings) };

export function nextAuditPlan(plan: AuditPlan, outcome: AuditOutcome, settings: AuditSettings): AuditPlan {
  if (outcome === "refused") return { owed: plan.owed, delayMs: periodic(settings) };
  const owed = Math.max(0, plan.owed - 1);
  return { owed, delayMs: owed > 0 ? settings.secondAfterMs : periodic(settings) };
}
