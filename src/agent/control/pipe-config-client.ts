/** The pipes of an agent that runs in another process of this machine. */
import {
  FustorError,
  type FustorErrorCode,
  type ListedPipeConfig,
  type PipeConfigChange,
  type PipeConfigService,
  type PipeEntry,
} from "../../sdk/index.ts";
import { CHANGE_MS, get, pipePath, post } from "./control-client.ts";

const LIST_MS = 30_000;

/** Throws FUSTOR_AGENT_STOPPED when no agent runs, and what the agent refuses a change for. */
export function remotePipeConfigs(home: string): PipeConfigService {
  const ask = async (id: string, command: string, body?: PipeEntry): Promise<PipeConfigChange> => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const path = `/config${pipePath(id)}/${command}`;
    const answer = await post<PipeConfigChange>(home, path, [400, 413, 422], CHANGE_MS, text);
    if ("body" in answer) return answer.body;
    const code = answer.code.startsWith("FUSTOR_") ? (answer.code as FustorErrorCode) : "FUSTOR_CONFIG_INVALID";
    throw new FustorError(code, answer.message);
  };
  return {
    list: () => get<readonly ListedPipeConfig[]>(home, "/config/pipes", LIST_MS),
    add: (id, pipe) => ask(id, "add", pipe),
    update: (id, changes) => ask(id, "update", changes),
    enable: (id) => ask(id, "enable"),
    disable: (id) => ask(id, "disable"),
    delete: (id) => ask(id, "delete"),
  };
}
