/** How states look, and which of them need nobody: for the program of the console and for what the agent renders. */
import type { AgentState, PipeReport, SourceReport } from "../agent/agent-status.ts";

export type Tone = "good" | "busy" | "wait" | "bad" | "idle";

export type AnyState = PipeReport["state"] | AgentState | SourceReport["status"]["availability"]["state"];

const TONES: Readonly<Record<AnyState, Tone>> = {
  starting: "busy",
  stopped: "idle",
  connecting: "busy",
  running: "good",
  waiting_for_source: "wait",
  reconnecting: "wait",
  key_refused: "bad",
  standby: "idle",
  draining: "busy",
  failed: "bad",
  available: "good",
  unavailable: "bad",
};

export const toneOf = (state: AnyState): Tone => TONES[state];

/** With a session and a source; a hot standby waits for its turn: that is its work. */
export const isAtWork = (state: PipeReport["state"]): boolean => state === "running" || state === "standby";
