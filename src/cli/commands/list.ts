import { fetchStatus } from "../../agent/control/control-client.ts";
import { loadConfig } from "../../config/load.ts";
import type { AgentConfig, PipeConfig } from "../../config/model.ts";
import { isFustorError } from "../../sdk/index.ts";
import { EXIT } from "../exit-codes.ts";
import { formatTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { tellWarnings } from "./validate.ts";

/** Whether the configuration lets the pipe start by itself. */
function statusOf(config: AgentConfig, pipe: PipeConfig): string {
  const endsDisabled = config.sources.get(pipe.source)?.disabled || config.senders.get(pipe.sender)?.disabled;
  return pipe.enabled && endsDisabled !== true ? "ENABLED" : "DISABLED";
}

/** What each pipe does in the running agent; undefined when there is none to ask. */
async function liveStates(home: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const status = await fetchStatus(home);
    return new Map(status.pipes.map((pipe) => [pipe.id, pipe.state]));
  } catch (error) {
    if (isFustorError(error)) return undefined;
    throw error;
  }
}

export async function list(terminal: Terminal): Promise<number> {
  const config = await loadConfig();
  await tellWarnings(config.warnings, terminal);
  const pipes = [...config.pipes.values()];
  if (pipes.length === 0) {
    await terminal.line("No pipes defined.");
    return EXIT.done;
  }
  const live = await liveStates(config.home);
  const header = ["PIPE ID", "STATUS", "SOURCE", "SENDER", ...(live === undefined ? [] : ["STATE"])];
  const rows = pipes.map((pipe) => {
    const state = live === undefined ? [] : [live.get(pipe.id) ?? "not started"];
    return [pipe.id, statusOf(config, pipe), pipe.source, pipe.sender, ...state];
  });
  await terminal.line(formatTable(header, rows));
  return EXIT.done;
}
