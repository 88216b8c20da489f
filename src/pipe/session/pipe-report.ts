/** Puts the status of a pipe together from what its parts know at this moment. */
import { omitUndefined, shortId } from "../../sdk/index.ts";
import type { PipeCounters } from "../pipe-counters.ts";
import type { PipeParts } from "../pipe-options.ts";
import { describePhase, type PipePhase } from "../pipe-state.ts";
import type { AuditStatus, PipeStatus, RescanStatus } from "../pipe-status.ts";
import type { SessionRun } from "./session.ts";

export interface ReportFacts {
  readonly parts: PipeParts;
  readonly phase: PipePhase;
  /** When this kind of phase began, by the clock of the ambience. */
  readonly phaseSince: number;
  readonly counters: PipeCounters;
  /** The session being served. */
  readonly session: SessionRun | undefined;
  readonly committedIndex: number;
  /** Directories that no rescan has taken yet. */
  readonly dirtyDirectories: number;
  readonly clockSkewMs: number | undefined;
}

export function pipeReport(facts: ReportFacts): PipeStatus {
  const { parts, phase, counters, session } = facts;
  const { pipe, rowsSent, sentinel, scans, lastError, lagMs } = counters;
  const sessionId = "sessionId" in phase ? phase.sessionId : undefined;
  return {
    id: parts.settings.id,
    ...describePhase(phase),
    ...snapshotFacts(facts),
    ...pipe,
    audit: auditStatus(facts),
    sentinel: { ...sentinel },
    scans: { ...scans },
    rescans: rescanStatus(facts),
    rowsSent: { ...rowsSent },
    backlog: parts.bus.backlog,
    committedIndex: facts.committedIndex,
    ...omitUndefined({
      role: "role" in phase ? phase.role : undefined,
      session: sessionId === undefined ? undefined : shortId(sessionId),
      snapshotPaused: session?.bulk.snapshot.state === "running" && session.isBulkPaused ? true : undefined,
      bytesSent: parts.sender.bytesSent,
      lastError,
      lagMs,
      backlogAgeMs: backlogAge(parts),
      clockSkewMs: facts.clockSkewMs,
      retry: retryFacts(facts),
    }),
  };
}

function retryFacts({ parts, phase, phaseSince }: ReportFacts): PipeStatus["retry"] {
  if (phase.kind !== "backing_off") return undefined;
  const { failures, delayMs } = phase;
  return { failures, nextInMs: Math.max(0, Math.round(phaseSince + delayMs - parts.ambience.now())) };
}

function backlogAge({ bus, ambience }: PipeParts): number | undefined {
  const { oldestEnteredAt } = bus;
  return oldestEnteredAt === undefined ? undefined : Math.round(ambience.now() - oldestEnteredAt);
}

function snapshotFacts({ parts, session }: ReportFacts) {
  const snapshot = session?.bulk.snapshot;
  const progress = snapshot?.progress ?? { rows: 0 };
  return {
    snapshot: snapshot?.state ?? ("none" as const),
    snapshotRows: progress.rows,
    ...omitUndefined({
      snapshotExpectedRows: progress.expectedRows ?? parts.store.lastSnapshotRows?.(),
      snapshotRowsPerSecond: snapshot?.pace?.rowsPerSecond,
      snapshotEtaMs: snapshot?.pace?.etaMs,
      snapshotPausedForMs: snapshot?.pausedForMs,
    }),
  };
}

function auditStatus({ parts, counters, session }: ReportFacts): AuditStatus {
  const { lastCompleteAt, ...counts } = counters.audit;
  const state = session?.bulk.audit.state ?? "off";
  if (lastCompleteAt === undefined) return { state, ...counts };
  return { state, ...counts, lastCompleteAgoMs: Math.round(parts.ambience.now() - lastCompleteAt) };
}

function rescanStatus({ counters, session, dirtyDirectories }: ReportFacts): RescanStatus {
  const pending = (session?.bulk.rescan.telling ?? 0) + dirtyDirectories;
  const idle = pending > 0 ? "waiting" : "none";
  return { state: session?.bulk.rescan.state ?? idle, ...counters.rescans, pending };
}
