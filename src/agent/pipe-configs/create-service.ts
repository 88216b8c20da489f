/** Pipes of an agent that a program runs itself, changed while it runs. */
import type { LoadOptions } from "../../config/load.ts";
import { loadConfig } from "../../config/load.ts";
import type { AgentConfig } from "../../config/model.ts";
import { type Selection, selectPipes } from "../../config/select.ts";
import { describeError, isFustorError, type PipeConfigOutcome, type PipeConfigService } from "../../sdk/index.ts";
import type { Reloadable } from "../reload/reloader.ts";
import { FilePipeConfigs } from "./pipe-config-service.ts";

export interface PipeConfigServiceOptions {
  /** From `createAgent`. Absent: changes are written and take effect with the next start. */
  readonly agent?: Reloadable;
  /** As for the `loadConfig` that the agent was made with. */
  readonly load?: LoadOptions;
  /** Which pipes are to run. Default: every one that is enabled. */
  readonly select?: (config: AgentConfig) => Pick<Selection, "selected"> & Partial<Selection>;
  /** How long a pipe that stops may still send what is queued. Default 6 s. */
  readonly drainMs?: number;
}

const DRAIN_MS = 6_000;

/** The service over the configuration of `load`, whose changes `agent` takes over at once. */
export function createPipeConfigService(options: PipeConfigServiceOptions = {}): PipeConfigService {
  const { agent, load = {} } = options;
  return new FilePipeConfigs({
    load,
    keepsOnePipe: agent !== undefined,
    apply: async ({ warnings }) =>
      agent === undefined ? { kind: "written", notes: warnings } : taken(agent, load, options),
  });
}

async function taken(
  agent: Reloadable,
  load: LoadOptions,
  { select = (config) => selectPipes(config, []), drainMs = DRAIN_MS }: PipeConfigServiceOptions,
): Promise<PipeConfigOutcome> {
  try {
    const config = await loadConfig(load);
    const { selected: pipes, notStarted = [] } = select(config);
    return { kind: "done", ...(await agent.reload({ config, pipes, notStarted }, drainMs)) };
  } catch (error) {
    const code = isFustorError(error) ? error.code : "FUSTOR_INTERNAL";
    return { kind: "refused", code, message: describeError(error) };
  }
}
