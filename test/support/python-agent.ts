/** The Python agent 0.8.17, the rival, from the environment that `npm run test:interop` makes. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type AgentTask, createAgentHome } from "./agent-home.ts";
import { type AgentProcess, createAgentChild } from "./agent-process.ts";

const COMMAND = fileURLToPath(new URL("../../.interop/agent/bin/fustor-agent", import.meta.url));

export function createPythonAgent(task: AgentTask): AgentProcess {
  if (!existsSync(COMMAND)) throw new Error("there is no Python agent yet: `npm run test:interop` sets it up");
  return createAgentChild({ name: "Python agent", command: COMMAND, args: ["start"] }, createAgentHome(task));
}
