/** What `fusion views` prints. Pure. */
import type { AgentFacts, ViewOverview } from "../../fusion/view-overview.ts";
import { formatBytes, formatCount, formatDuration, formatTable, printable } from "../table.ts";

const WORDS: Readonly<Record<ViewOverview["state"], string>> = {
  ready: "ready",
  opening: "waits for the end of a snapshot",
  kept: "kept for its agent",
  empty: "empty, no agent",
};

export function viewTables(views: readonly ViewOverview[], nowSeconds: number): string {
  const rows = views.map((view) => [
    printable(view.view_id),
    WORDS[view.state],
    formatCount(view.entries),
    formatBytes(view.total_size),
    view.pipes.map(({ pipe_id, receiver }) => printable(`${pipe_id} (${receiver})`)).join(", ") || "none",
  ]);
  const agents = views.flatMap((view) => view.agents.map((agent) => agentRow(view, agent, nowSeconds)));
  const tables = [formatTable(["VIEW", "STATE", "ENTRIES", "SIZE", "PIPES"], rows)];
  if (agents.length > 0)
    tables.push(formatTable(["AGENT", "VIEW", "PIPE", "ROLE", "LAST SEEN", "FROM", "ROOT"], agents));
  return tables.join("\n\n");
}

const agentRow = (view: ViewOverview, agent: AgentFacts, nowSeconds: number): readonly string[] => [
  printable(agent.agent_id),
  printable(view.view_id),
  printable(agent.pipe_id),
  agent.role ?? "gone",
  `${formatDuration(Math.max(0, nowSeconds - agent.last_seen) * 1000)} ago`,
  printable(agent.client_ip ?? "-"),
  printable(agent.source_uri ?? "-"),
];
