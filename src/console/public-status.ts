/**
 * What any user of this machine may know: states and counts of the agent. It holds no names, no paths and no texts, and
 * only what is listed here: members that the status gets later are not copied.
 */
import type { AgentState, AgentStatus, PipeReport, SourceReport } from "../agent/agent-status.ts";

export interface PublicPipe {
  readonly state: PipeReport["state"];
  readonly role: PipeReport["role"] | null;
  readonly snapshot: PipeReport["snapshot"];
  readonly snapshotRows: number;
  readonly rowsSent: PipeReport["rowsSent"];
  readonly backlog: number;
  readonly lagMs: number | null;
  readonly failures: number;
}

export interface PublicSource {
  readonly state: SourceReport["status"]["availability"]["state"];
  readonly entries: number | null;
}

export interface PublicStatus {
  readonly state: AgentState;
  readonly version: string;
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly cpu: AgentStatus["cpu"];
  readonly descriptors: AgentStatus["descriptors"];
  /** In the order of the configuration. */
  readonly pipes: readonly PublicPipe[];
  readonly sources: readonly PublicSource[];
}

const publicPipe = (pipe: PipeReport): PublicPipe => ({
  state: pipe.state,
  role: pipe.role ?? null,
  snapshot: pipe.snapshot,
  snapshotRows: pipe.snapshotRows,
  rowsSent: {
    message: pipe.rowsSent.message,
    snapshot: pipe.rowsSent.snapshot,
    audit: pipe.rowsSent.audit,
    on_demand_job: pipe.rowsSent.on_demand_job,
  },
  backlog: pipe.backlog,
  lagMs: pipe.lagMs ?? null,
  failures: pipe.failures,
});

const publicSource = ({ status }: SourceReport): PublicSource => ({
  state: status.availability.state,
  entries: status.entries ?? null,
});

export const publicStatus = (status: AgentStatus): PublicStatus => ({
  state: status.state,
  version: status.version,
  uptimeMs: status.uptimeMs,
  rssBytes: status.rssBytes,
  cpu: { userMs: status.cpu.userMs, systemMs: status.cpu.systemMs, percent: status.cpu.percent },
  descriptors: { exhausted: status.descriptors.exhausted, limit: status.descriptors.limit },
  pipes: status.pipes.map(publicPipe),
  sources: status.sources.map(publicSource),
});
