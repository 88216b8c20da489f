/** What the view API shows about a view, its sessions and its scans. */
import type { FusionCore } from "./fusion-core.ts";
import type { ScanJob } from "./scan-jobs.ts";
import type { SessionRecord } from "./session-registry.ts";
import type { View } from "./view.ts";

/** Body of `/stats` of a view. Beyond the real Fusion: rows that came and rows that were refused, by reason. */
export function viewStatistics(view: View): object {
  const { arbitration } = view;
  const { tree, audit } = arbitration;
  return {
    item_count: tree.entries,
    total_files: tree.files,
    total_directories: tree.directories,
    total_size: tree.fileBytes,
    has_blind_spot: arbitration.blindDeletions.size > 0 || arbitration.unannounced().length > 0,
    suspect_file_count: arbitration.suspects.all().length,
    logical_now: arbitration.logicalClock.now(),
    last_audit_finished_at: audit.lastFinishedAt,
    audit_cycle_count: audit.finished,
    is_auditing: audit.running,
    tombstone_count: arbitration.tombstones,
    rows_received: view.rows,
    rows_refused: { ...arbitration.refused },
  };
}

/** Only the beginning of the id: readers can tell sessions apart by it, and cannot end or feed one with it. */
export function sessionFacts(core: FusionCore, view: View, session: SessionRecord): object {
  const leader = view.isLedBy(session.id);
  return {
    session_id: session.id.slice(0, 8),
    pipe_id: session.pipeId,
    task_id: session.taskId,
    agent_id: session.taskId.split(":")[0],
    client_ip: session.clientIp,
    source_uri: session.sourceUri,
    /** Monotonic seconds, as the real Fusion shows it. */
    last_activity: session.lastHeartbeatMs / 1000,
    created_at: session.createdAt,
    allow_concurrent_push: core.pipes.get(session.pipeId)?.config.allowConcurrentPush ?? true,
    session_timeout_seconds: session.timeoutSeconds,
    role: leader ? "leader" : "follower",
    can_snapshot: leader,
    can_audit: leader,
    can_realtime: session.canRealtime,
    can_send: true,
    snapshot_sync_suggested: session.snapshotSyncSuggested,
    snapshot_ends: session.snapshotEnds,
    position: view.positionOf(session.taskId) ?? null,
    batches: session.batches,
    rows: session.rows,
  };
}

export function jobFacts(job: ScanJob, view: View): object {
  const total = job.asked.size;
  return {
    job_id: job.id,
    view_id: view.config.id,
    path: job.path,
    status: job.completedAt === null ? "PENDING" : "COMPLETED",
    progress: {
      completed_pipes: job.done.size,
      total_pipes: total,
      percentage: total === 0 ? 100 : (100 * job.done.size) / total,
    },
    created_at: job.createdAt,
    completed_at: job.completedAt,
  };
}
