/** Whether the agent does its work, for programs that ask again and again: a load balancer, Kubernetes, a watchdog. */
import type { AgentStatus, PipeReport } from "../agent/agent-status.ts";
import { isAtWork } from "./states.ts";

export interface Health {
  readonly isGood: boolean;
  /** One for each thing that is not as it should be. */
  readonly reasons: readonly string[];
}

const health = (reasons: readonly string[]): Health => ({ isGood: reasons.length === 0, reasons });

/** That it answers at all shows that its loop runs. It is alive while it ends in order, too. */
export const liveness = ({ state }: AgentStatus): Health =>
  health(state === "stopped" ? ["the agent has stopped"] : []);

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

function pipeReasons(pipe: PipeReport, maxAgeMs: number): readonly string[] {
  const { id, state, backlogAgeMs = 0 } = pipe;
  if (!isAtWork(state)) return [`pipe ${id} is ${state.replaceAll("_", " ")}`];
  if (backlogAgeMs <= maxAgeMs) return [];
  return [
    `pipe ${id}: a change has been waiting for the receiver for ${seconds(backlogAgeMs)}, longer than ${seconds(maxAgeMs)}`,
  ];
}

/** What an operator should look at first, each in a sentence. */
export function troublesOf(status: AgentStatus, maxAgeMs: number): readonly string[] {
  const sources = status.sources.flatMap(({ ids, status: { availability } }) =>
    availability.state === "unavailable" ? [`source ${ids.join(", ")}: ${availability.reason}`] : [],
  );
  const errors = new Map(status.pipes.map(({ id, lastError, state }) => [id, isAtWork(state) ? undefined : lastError]));
  const pipes = status.pipes.flatMap((pipe) =>
    pipeReasons(pipe, maxAgeMs).map((reason) => [reason, errors.get(pipe.id) ?? []].flat().join(": ")),
  );
  return [...sources, ...pipes];
}

/** Every pipe has a session and a source, and no change waits longer than `maxAgeMs` for its receiver. */
export function readiness({ state, pipes }: AgentStatus, maxAgeMs: number): Health {
  const reasons = state === "running" ? [] : [`the agent is ${state}`];
  return health([...reasons, ...pipes.flatMap((pipe) => pipeReasons(pipe, maxAgeMs))]);
}
