import { loadConfig } from "../../config/load.ts";
import type { AgentConfig } from "../../config/model.ts";
import { isFustorError } from "../../sdk/index.ts";
import type { ConfigProblem } from "../../yaml/problem.ts";
import { formatProblem } from "../../yaml/problem.ts";
import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

export async function tellWarnings(warnings: readonly ConfigProblem[], terminal: Terminal): Promise<void> {
  for (const warning of warnings) await terminal.complain(`warning: ${formatProblem(warning)}`);
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function describe(config: AgentConfig): string {
  const parts = [
    counted(config.sources.size, "source"),
    counted(config.senders.size, "sender"),
    counted(config.pipes.size, "pipe"),
    counted(config.warnings.length, "warning"),
  ];
  return `The configuration in ${config.configDir} is valid: ${parts.join(", ")}.`;
}

/** The lists a FUSTOR_CONFIG_INVALID of the loader carries. */
const problemsOf = (details: Readonly<Record<string, unknown>>, name: string): readonly ConfigProblem[] =>
  Array.isArray(details[name]) ? (details[name] as ConfigProblem[]) : [];

export async function validate(terminal: Terminal): Promise<number> {
  let config: AgentConfig;
  try {
    config = await loadConfig();
  } catch (error) {
    if (!isFustorError(error, "FUSTOR_CONFIG_INVALID")) throw error;
    await tellWarnings(problemsOf(error.details, "warnings"), terminal);
    await terminal.complain(error.message);
    const count = problemsOf(error.details, "problems").length;
    await terminal.complain(`The configuration is not valid: ${counted(count, "problem")}.`);
    return EXIT.configuration;
  }
  await tellWarnings(config.warnings, terminal);
  const { unusable } = config;
  if (unusable.length > 0) {
    for (const problem of unusable) await terminal.complain(formatProblem(problem));
    await terminal.complain(`The configuration is not valid: ${counted(unusable.length, "problem")}.`);
    return EXIT.configuration;
  }
  await terminal.line(describe(config));
  return EXIT.done;
}
