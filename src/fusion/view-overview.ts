/** Every view with its pipes and the agents that feed it: for operators. */
import type { FusionCore } from "./fusion-core.ts";
import type { Departed, SessionRecord } from "./session-registry.ts";
import type { View } from "./view.ts";

export interface AgentFacts {
  readonly agent_id: string;
  readonly task_id: string;
  readonly pipe_id: string;
  /** `null`: it has no session. */
  readonly role: "leader" | "follower" | null;
  readonly client_ip: string | null;
  readonly source_uri: string | null;
  /** When its last heartbeat came, in seconds since 1970. */
  readonly last_seen: number;
  /** Rows of this session. */
  readonly rows: number | null;
}

export interface ViewOverview {
  readonly view_id: string;
  /**
   * `ready`: it can be read. `opening`: its leader has not ended a snapshot. `kept`: complete, for an agent that comes
   * back. `empty`: no agent feeds it.
   */
  readonly state: "ready" | "opening" | "kept" | "empty";
  /** Without the root. */
  readonly entries: number;
  readonly files: number;
  readonly directories: number;
  /** Bytes of the files. */
  readonly total_size: number;
  readonly pipes: readonly {
    readonly pipe_id: string;
    readonly receiver: string;
    readonly sessions: number;
    /** Since Fusion was started. */
    readonly rows_received: number;
  }[];
  readonly agents: readonly AgentFacts[];
}

export function overviewOf(core: FusionCore, view: View): ViewOverview {
  const sessions = core.sessionsOf(view);
  const { entries, files, directories, fileBytes } = view.arbitration.tree;
  const feeders = [...core.pipes.values()].filter(({ config }) => core.feeds(config.id, view));
  return {
    view_id: view.config.id,
    state: stateOf(view, sessions.length),
    entries: entries - 1,
    files,
    directories: directories - 1,
    total_size: fileBytes,
    pipes: feeders.map(({ config, statistics }) => ({
      pipe_id: config.id,
      receiver: config.receiver,
      sessions: core.sessionCountOf(config.id),
      rows_received: statistics.rows,
    })),
    agents: [
      ...sessions.map((session) => present(core, view, session)),
      ...core.departedFrom(view).map((agent) => gone(agent)),
    ],
  };
}

function stateOf(view: View, sessions: number): ViewOverview["state"] {
  if (sessions > 0) return view.ready ? "ready" : "opening";
  return view.isKept ? "kept" : "empty";
}

const common = ({ pipeId, taskId, clientIp, sourceUri }: Departed | SessionRecord) => ({
  agent_id: taskId.split(":")[0] ?? taskId,
  task_id: taskId,
  pipe_id: pipeId,
  client_ip: clientIp,
  source_uri: sourceUri,
});

const present = (core: FusionCore, view: View, session: SessionRecord): AgentFacts => ({
  ...common(session),
  role: view.isLedBy(session.id) ? "leader" : "follower",
  last_seen: core.lastSeen(session),
  rows: session.rows,
});

const gone = (agent: Departed): AgentFacts => ({
  ...common(agent),
  role: null,
  last_seen: agent.lastSeen,
  rows: null,
});
