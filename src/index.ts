/** The agent as a library: load a configuration, choose pipes, run them in this process. */
export { Agent, createAgent } from "./agent/agent.ts";
export type { AgentOptions } from "./agent/agent-options.ts";
export type {
  AgentState,
  AgentStatus,
  ConsoleState,
  DescriptorState,
  PipeReport,
  SenderReport,
  SourceReport,
} from "./agent/agent-status.ts";
export { createPipeConfigService, type PipeConfigServiceOptions } from "./agent/pipe-configs/create-service.ts";
export type { FailedPipe, StartReport } from "./agent/start-report.ts";
export { ensureHome, resolveConfigDir, resolveHome } from "./config/home.ts";
export { type LoadOptions, loadConfig } from "./config/load.ts";
export type {
  AgentConfig,
  LoggingConfig,
  PipeConfig,
  SenderConfig,
  SourceConfig,
} from "./config/model.ts";
export { type NotStarted, type Selection, selectPipes } from "./config/select.ts";
export { DriverRegistry, knownDrivers } from "./drivers/registry.ts";
export * from "./sdk/index.ts";
export { agentVersion } from "./sdk/version.ts";
export type { ConfigProblem, Origin } from "./yaml/problem.ts";
