/**
 * When a leader audits. Pure.
 *
 * Whoever takes over does not know what the view holds: ghosts of a session that died, and rows of it that still come out of the far
 * side's queue after our snapshot. So two complete audits follow the snapshot, the second one a session timeout after the first, and
 * then one each interval.
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

const AUDITS_AFTER_TAKE_OVER = 2;

const periodic = ({ intervalMs }: AuditSettings): number | undefined => (intervalMs > 0 ? intervalMs : undefined);

export const firstAuditPlan = (settings: AuditSettings): AuditPlan =>
  settings.afterTakeOver ? { owed: AUDITS_AFTER_TAKE_OVER, delayMs: 0 } : { owed: 0, delayMs: periodic(settings) };

export function nextAuditPlan(plan: AuditPlan, outcome: AuditOutcome, settings: AuditSettings): AuditPlan {
  if (outcome === "refused") return { owed: plan.owed, delayMs: periodic(settings) };
  const owed = Math.max(0, plan.owed - 1);
  return { owed, delayMs: owed > 0 ? settings.secondAfterMs : periodic(settings) };
}
