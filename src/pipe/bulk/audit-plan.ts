/**
 * When a leader audits. Pure.
 *
 * A leader that takes over does not know what the view holds: entries that were deleted while no agent ran, and rows of
 * a session that died, which may still come out of Fusion's queue after our snapshot. So two complete audits follow the
 * snapshot, the second one a session timeout after the first, and then one each interval. The second is left out when
 * no such session can exist (docs/decisions/0005-audits-after-a-start.md).
 *
 * A Fusion that starts again makes all its agents take over within seconds, and they would audit together for ever. So
 * dice move each audit: the second one of a take-over up to half a session timeout later, the first periodic one into
 * the second half of its interval, and each further one up to a tenth of it earlier (docs/scale.md).
 */
export interface AuditSettings {
  /** Between two periodic audits, 0 = none. */
  readonly intervalMs: number;
  /** Whether a take-over is followed by audits. */
  readonly afterTakeOver: boolean;
  /** From the first audit of a take-over to the second, at least. */
  readonly secondAfterMs: number;
}

/** A number in [0, 1). */
export type Dice = () => number;

/** Parts of the interval. */
const FIRST_SPREAD = 0.5;
const SPREAD = 0.1;
/** A part of the session's timeout. */
const SECOND_SPREAD = 0.5;

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

const periodic = ({ intervalMs }: AuditSettings, spread: number, dice: Dice): number | undefined =>
  intervalMs > 0 ? intervalMs * (1 - spread * dice()) : undefined;

export const firstAuditPlan = (settings: AuditSettings, predecessor: Predecessor, dice: Dice): AuditPlan =>
  settings.afterTakeOver && AUDITS_AFTER[predecessor] > 0
    ? { owed: AUDITS_AFTER[predecessor], delayMs: 0 }
    : { owed: 0, delayMs: periodic(settings, FIRST_SPREAD, dice) };

export function nextAuditPlan(plan: AuditPlan, outcome: AuditOutcome, settings: AuditSettings, dice: Dice): AuditPlan {
  const spread = plan.owed > 0 ? FIRST_SPREAD : SPREAD;
  if (outcome === "refused") return { owed: plan.owed, delayMs: periodic(settings, spread, dice) };
  const owed = Math.max(0, plan.owed - 1);
  const secondMs = settings.secondAfterMs * (1 + SECOND_SPREAD * dice());
  return { owed, delayMs: owed > 0 ? secondMs : periodic(settings, spread, dice) };
}
