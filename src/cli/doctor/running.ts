/** What the status of a running agent says is wrong. */
import type { AgentStatus, PipeReport, SourceReport } from "../../agent/agent-status.ts";
import { troubleCounts } from "../../agent/pipe-lines.ts";
import { readiness } from "../../console/health.ts";
import { agentVersion } from "../../sdk/version.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

export function runningFindings(status: AgentStatus, maxBacklogAgeMs: number): readonly Finding[] {
  return [
    agentFinding(status),
    ...(status.version === agentVersion ? [] : [versionNote(status)]),
    ...(status.descriptors.exhausted ? [descriptors(status)] : []),
    ...(status.console.state === "failed" ? [pageNote(status.console.reason)] : []),
    ...status.pipes.flatMap((pipe) => pipeFindings(status, pipe, maxBacklogAgeMs)),
    ...status.sources.flatMap(sourceFindings),
  ];
}

const agentFinding = ({ state, pid, version, pipes }: AgentStatus): Finding => {
  const what = `the agent is ${state} (PID ${pid}, version ${version}, ${pipes.length} pipes)`;
  return state === "running" ? ok("agent", what) : note("agent", what, { cure: "run the doctor again in a minute" });
};

const versionNote = ({ version }: AgentStatus): Finding =>
  note("agent", `the agent that runs is of version ${version}, this command of version ${agentVersion}`, {
    cure: "fustor-agent restart, or systemctl restart fustor-agent",
  });

const descriptors = ({ descriptors: { limit } }: AgentStatus): Finding =>
  problem("agent", `the agent has no file descriptor left (limit ${limit ?? "unknown"})`, {
    cure: "LimitNOFILE=65536 in the unit (systemctl edit fustor-agent), then systemctl restart fustor-agent",
  });

const pageNote = (reason: string): Finding =>
  note("console", `the status page is not there: ${reason}`, { cure: "set console.port, then fustor-agent restart" });

function pipeFindings(status: AgentStatus, pipe: PipeReport, maxAgeMs: number): readonly Finding[] {
  const { id: about, info, lastError } = pipe;
  const { reasons } = readiness({ ...status, state: "running", pipes: [pipe] }, maxAgeMs);
  const counted = troubleCounts(pipe).map(({ value, text }) => `${value.toLocaleString("en-US")} ${text}`);
  const since = counted.length === 0 ? [] : [countsNote(pipe, counted.join(", "))];
  if (reasons.length === 0) return [ok("pipe", `${pipe.state.replaceAll("_", " ")}: ${info}`, { about }), ...since];
  const cause = lastError === undefined || info.includes(lastError) ? info : `${info}; last error: ${lastError}`;
  return [problem("pipe", `${reasons.join("; ")}: ${cause}`, { about, cure: cureOf(pipe) }), ...since];
}

const countsNote = ({ id, deadLetterFile }: PipeReport, counts: string): Finding =>
  note("pipe", `since its start: ${counts}`, {
    about: id,
    cure: counts.includes("refuse") ? `see ${deadLetterFile}, and fustor-agent logs` : "fustor-agent logs says when",
  });

function cureOf({ id, state, source }: PipeReport): string {
  switch (state) {
    case "key_refused":
      return "put a push key of the receiver into the sender's credential, then: fustor-agent reload";
    case "waiting_for_source":
      return `mount or create the root; if another directory stands there for good: fustor-agent confirm ${source}`;
    case "failed":
    case "stopped":
      return `fustor-agent start ${id}; fustor-agent logs says why it ended`;
    case "reconnecting":
    case "connecting":
      return "see the finding of its sender; the agent goes on trying by itself";
    default:
      return "is the receiver slow or overloaded? fustor-agent status --watch shows whether the backlog shrinks";
  }
}

function sourceFindings({ ids, status }: SourceReport): readonly Finding[] {
  const about = ids.join(", ");
  const { availability, notes = [] } = status;
  const engines = Array.isArray(status.engines) ? status.engines.length : 0;
  const troubles = notes.slice(engines).map((text) => note("source", text, { about, cure: cureOfNote(text) }));
  const ways = notes.slice(0, engines).map((text) => ok("source", text, { about }));
  if (availability.state !== "unavailable") return [...ways, ...troubles];
  const cure = `mount or create the root; if another directory stands there for good: fustor-agent confirm ${ids[0] ?? ""}`;
  return [problem("source", availability.reason, { about, cure }), ...ways, ...troubles];
}

/** The sentence itself often ends with the cure: the doctor repeats it as a command. */
function cureOfNote(text: string): string {
  const setting = /sysctl (fs\.[\w.]+=\d+)/.exec(text)?.[1];
  if (setting !== undefined) return `sysctl -w ${setting}; echo ${setting} > /etc/sysctl.d/60-fustor-agent.conf`;
  if (text.includes("cannot be read")) return "give the agent's user the right to read, or CAP_DAC_READ_SEARCH";
  if (text.includes("has not answered")) return "see whether the file system or its server hangs: dmesg -T | tail";
  return "fustor-agent status says more";
}
