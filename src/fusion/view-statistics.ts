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
    suspect_file_count: arbitration.suspects().length,
    logical_now: arbitration.logicalClock.now(),
    last_audit_finished_at: audit.lastFinishedAt,
    audit_cycle_count: audit.finished,
    is_auditing: audit.running,
    tombstone_count: arbitration.tombstones,
    rows_received: view.rows,
    rows_refused: { ...arbitration.refused },
  };
}
