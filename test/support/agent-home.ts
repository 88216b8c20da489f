/** The home of an agent, in the form that the Python agent and ours both read. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReceiverAddress } from "./fusion-process.ts";
import { createTempFolder } from "./temp-tree.ts";

export interface AgentTask {
  /** Absolute path of the tree to watch. */
  readonly root: string;
  readonly receiver: ReceiverAddress;
}

function configText({ root, receiver }: AgentTask): string {
  return `sources:
  src-1:
    driver: fs
    uri: ${JSON.stringify(root)}
    driver_params: {}
senders:
  snd-1:
    driver: fusion
    uri: ${receiver.url}
    credential: {key: ${receiver.pushKey}}
    driver_params: {}
pipes:
  ${receiver.pipeId}:
    source: src-1
    sender: snd-1
`;
}

/** Writes `agent-config/default.yaml` into a new home; resolves with the home. */
export function createAgentHome(task: AgentTask): string {
  const home = createTempFolder("agent-home");
  mkdirSync(join(home, "agent-config"));
  writeFileSync(join(home, "agent-config/default.yaml"), configText(task));
  return home;
}
