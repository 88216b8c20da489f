/** How each action of a session is carried out. */
import { liftFromSecond } from "../receiver/takeover.ts";
import { carryOut } from "./commands.ts";
import type { Emit } from "./session-events.ts";
import { hasTombstones, type SessionMakings, type SessionParts } from "./session-parts.ts";
import type { SessionAction } from "./session-state.ts";

export interface Tools {
  readonly makings: SessionMakings;
  readonly parts: SessionParts;
  readonly emit: Emit;
}

type Performers = {
  readonly [K in SessionAction["kind"]]: (action: Extract<SessionAction, { kind: K }>, tools: Tools) => void;
};

const PERFORMERS: Performers = {
  cancel: ({ job }, { parts }) => parts.bulk[job].cancel(),
  "begin snapshot of a leader": ({ wasPromoted }, { makings, parts }) => {
    makings.pipe.logger.info({ full: true }, "a snapshot begins");
    if (wasPromoted) noteOthers(makings);
    parts.bulk.audit.distrust();
    parts.bulk.snapshot.begin(takenOver(makings, makings.before.mayFollowOthers || wasPromoted));
  },
  "begin end of snapshot": (_, { makings, parts }) => {
    makings.pipe.logger.info({ full: false }, "Fusion holds what was sent before: no rows are sent again");
    parts.bulk.snapshot.beginEnd();
  },
  "repeat snapshot": (_, { parts }) => parts.bulk.snapshot.begin(),
  "grant snapshot": ({ askedAt }, { makings, parts, emit }) => {
    if (!parts.bulk.snapshot.mayBeginAsked(askedAt)) return;
    makings.pipe.logger.info({}, "Fusion asks for a snapshot");
    emit({ kind: "snapshot granted" });
  },
  "pause snapshot": (_, { parts }) => parts.bulk.snapshot.pause(),
  "resume snapshot": (_, { parts }) => parts.bulk.snapshot.resume(),
  "dismiss snapshot": (_, { parts }) => parts.bulk.snapshot.dismiss(),
  "return to audits": (_, { parts }) => {
    if (parts.bulk.snapshot.hasEnded) parts.bulk.audit.beginLater();
  },
  "begin audits": (_, { parts }) => parts.bulk.audit.begin(),
  restate: (_, { makings, parts }) => {
    const since = hasTombstones(makings) ? takenOver(makings, false) : undefined;
    if (since !== undefined) parts.bulk.restatement.begin(since);
  },
  rescan: ({ directories, isAskedFor = false }, { makings, parts }) => {
    // The receiver may remember deletes of these paths that nobody here sent.
    if (isAskedFor) noteOthers(makings);
    parts.bulk.rescan.add(directories, isAskedFor);
  },
  spoil: (_, { parts }) => parts.bulk.spoil(),
  "carry out": ({ commands }, { makings, parts }) =>
    carryOut(commands, { scans: parts.bulk.scans, logger: makings.pipe.logger }),
  "lose history": (_, { makings }) => makings.history.lose(),
  "note take-over as not done": (_, { makings }) => makings.pipe.store.noteTookOver?.(false),
  "wake delivery": (_, { parts }) => parts.delivery.wake(),
  "fail fast": (_, { parts }) => parts.delivery.failFast(),
};

export function perform(action: SessionAction, tools: Tools): void {
  const performer = PERFORMERS[action.kind] as (action: SessionAction, tools: Tools) => void;
  performer(action, tools);
}

/** Those who led before left tombstones that this run knows nothing of; what they had sent may still be on its way. */
export function noteOthers({ open, pipe, context }: SessionMakings): void {
  context.tombstones.noteOthersUntil((pipe.ambience.wallClock() + open.session.sessionTimeoutMs) / 1000);
}

/** Epoch second; what was changed since may lie under a tombstone of another run. Undefined = there was none. */
function takenOver({ open, pipe, before }: SessionMakings, mayFollowOthers: boolean): number | undefined {
  return liftFromSecond({
    at: pipe.ambience.wallClock(),
    earlierRunAliveAt: before.earlierRunAliveAt,
    mayFollowOthers,
    sessionTimeoutMs: open.session.sessionTimeoutMs,
  });
}
