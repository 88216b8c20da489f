/** The home of an agent, in the form that the Python agent and ours both read. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReceiverAddress } from "./fusion-process.ts";
import { createTempFolder } from "./temp-tree.ts";

export interface AgentTask {
  /** Absolute path of the tree to watch. */
  readonly root: string;
  readonly receiver: ReceiverAddress;
  /** Further keys as a user writes them, for our agent. */
  readonly source?: object;
  readonly driverParams?: object;
  readonly sender?: object;
  readonly pipe?: object;
}

/** A JSON text is a YAML text. */
function configText({ root, receiver, source, driverParams, sender, pipe }: AgentTask): string {
  const { url, pushKey, pipeId } = receiver;
  const config = {
    sources: { "src-1": { driver: "fs", uri: root, driver_params: { ...driverParams }, ...source } },
    senders: { "snd-1": { driver: "fusion", uri: url, credential: { key: pushKey }, driver_params: {}, ...sender } },
    pipes: { [pipeId]: { source: "src-1", sender: "snd-1", ...pipe } },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Writes `agent-config/default.yaml` into a new home; resolves with the home. */
export function createAgentHome(task: AgentTask): string {
  const home = createTempFolder("agent-home");
  mkdirSync(join(home, "agent-config"));
  writeFileSync(join(home, "agent-config/default.yaml"), configText(task));
  return home;
}
