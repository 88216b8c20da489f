/**
 * Puts a session together, each part from those before it. What they have to say to one another goes through `emit`.
 */
import { omitUndefined } from "../../sdk/index.ts";
import { Signal } from "../../sdk/signal.ts";
import type { BackoffSettings } from "../backoff.ts";
import type { AuditParts } from "../bulk/audit.ts";
import { BulkJobs } from "../bulk/bulk-jobs.ts";
import type { BulkParts } from "../bulk/bulk-parts.ts";
import type { PipeParts } from "../pipe-options.ts";
import { TIMEOUTS } from "../receiver/takeover.ts";
import { BulkGate } from "../send/bulk-gate.ts";
import { BulkPace } from "../send/bulk-pace.ts";
import { Delivery } from "../send/delivery.ts";
import { LiveChanges } from "../send/live.ts";
import type { OpenSession } from "./connector.ts";
import { Freshness } from "./freshness.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { KeptParts } from "./kept-parts.ts";
import { type Predecessors, predecessorOf } from "./predecessors.ts";
import { Scheduler } from "./scheduler.ts";
import { Sentinel } from "./sentinel.ts";
import type { Emit } from "./session-events.ts";
import type { SessionState } from "./session-state.ts";

/**
 * Whether the receiver holds what the source goes on from. `none`: the source begins anew, or says itself whether it
 * can start at the receiver's position.
 */
export type ResumptionState = "none" | "held" | "refused";

/** What a session is made of. */
export interface SessionMakings extends KeptParts {
  readonly open: OpenSession;
  readonly pipe: PipeParts;
  readonly before: Predecessors;
  readonly resumption: ResumptionState;
}

export interface SessionParts {
  /** Something may be sent that could not a moment ago. */
  readonly news: Signal;
  readonly gate: BulkGate;
  readonly pace: BulkPace;
  readonly delivery: Delivery;
  readonly bulk: BulkJobs;
  readonly scheduler: Scheduler;
  readonly heartbeat: Heartbeat;
  readonly sentinel: Sentinel;
}

/** Pushes are repeated sooner than sessions are asked for: the receiver is known to be there. */
const FIRST_PUSH_RETRY_MS = 1_000;
const LONGEST_PUSH_RETRY_MS = 10_000;

/** Only paths leave tombstones. */
export const hasTombstones = ({ pipe }: SessionMakings): boolean => pipe.source.schema === "fs";

export function makeSession(makings: SessionMakings, plan: { readonly state: SessionState }, emit: Emit): SessionParts {
  const { open, pipe, limits, history } = makings;
  const { sender, bus, ambience, logger, settings } = pipe;
  const { sessionId } = open.session;
  const news = new Signal();
  const freshness = new Freshness(ambience, open.session.sessionTimeoutMs, open.askedAt);
  const gate = new BulkGate(settings.snapshotPauseLagMs, ambience, () => news.raise());
  const pace = new BulkPace(
    limits,
    () => ambience.now(),
    () => gate.isPaused,
  );
  const backoff = pushBackoff(makings.connectBackoff);
  const delivery = new Delivery({ sender, sessionId, ambience, logger, backoff, freshness, emit, limits });
  const bulk = makeBulk(makings, { pace, gate, news, emit });
  const live = new LiveChanges({
    bus,
    limits,
    context: makings.context,
    knowsTombstones: hasTombstones(makings),
    emit,
    ...omitUndefined({ onTaken: pipe.onTaken }),
  });
  const shared = { sender, sessionId, ambience, logger, plan };
  const scheduler = new Scheduler({
    ...shared,
    ...{ bus, live, bulk, news, delivery, history, emit },
    resumption: makings.resumption,
  });
  const heartbeat = new Heartbeat({ sender, session: open.session, freshness, ambience, stream: scheduler, emit });
  const sentinel = new Sentinel({
    ...shared,
    source: pipe.source,
    freshness,
    intervalMs: open.session.sentinelIntervalMs ?? settings.sentinelIntervalMs,
    counters: makings.counters.sentinel,
  });
  return { news, gate, pace, delivery, bulk, scheduler, heartbeat, sentinel };
}

const pushBackoff = (connect: BackoffSettings): BackoffSettings => ({
  ...connect,
  firstMs: Math.min(connect.firstMs, FIRST_PUSH_RETRY_MS),
  maxMs: Math.min(connect.maxMs, LONGEST_PUSH_RETRY_MS),
});

function makeBulk(
  makings: SessionMakings,
  parts: Pick<BulkParts, "pace" | "news" | "emit"> & { readonly gate: BulkGate },
): BulkJobs {
  const { open, pipe, limits, context, superseded, counters, dirty, connectBackoff: backoff, before } = makings;
  const { source, ambience, logger, store, bus } = pipe;
  const { pace, news, emit, gate } = parts;
  const knowsTombstones = hasTombstones(makings);
  const resumed = makings.resumption === "held";
  const predecessor = resumed ? "own run that is resumed" : predecessorOf(open, before, ambience.wallClock());
  return new BulkJobs(
    { source, limits, pace, context, superseded, knowsTombstones, ambience, backoff, logger, news, bus, emit },
    gate,
    {
      snapshot: { betweenAskedMs: open.session.sessionTimeoutMs, store },
      audit: { settings: auditSettings(makings), counters: counters.audit, predecessor },
      rescan: { dirty, counters: counters.rescans },
      scans: { counters: counters.scans },
    },
  );
}

function auditSettings({ open, pipe }: SessionMakings): AuditParts["settings"] {
  const { auditIntervalMs } = pipe.settings;
  const { sessionTimeoutMs } = open.session;
  return {
    intervalMs: open.session.auditIntervalMs ?? auditIntervalMs,
    afterTakeOver: auditIntervalMs > 0,
    secondAfterMs: sessionTimeoutMs,
    lateSeconds: (TIMEOUTS * sessionTimeoutMs) / 1000,
  };
}
