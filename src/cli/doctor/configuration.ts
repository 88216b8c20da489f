/** The configuration as `validate` and `start` see it. */
import { loadConfig } from "../../config/load.ts";
import type { AgentConfig, PipeConfig } from "../../config/model.ts";
import { selectPipes } from "../../config/select.ts";
import { describeError, isFustorError } from "../../sdk/index.ts";
import type { ConfigProblem } from "../../yaml/problem.ts";
import { formatOrigin } from "../../yaml/problem.ts";
import { type Finding, note, ok, problem, type Severity } from "./finding.ts";

export interface Configured {
  readonly config?: AgentConfig;
  /** What `start` would run. */
  readonly pipes: readonly PipeConfig[];
  readonly findings: readonly Finding[];
}

function findingOf(severity: Severity, { origin, key, what, cure }: ConfigProblem): Finding {
  const where = `${formatOrigin(origin)}${key === "" ? "" : ` ${key}`}`;
  return { check: "configuration", severity, what: `${where}: ${what}`, cure };
}

const listOf = (details: Readonly<Record<string, unknown>>, name: string): readonly ConfigProblem[] =>
  Array.isArray(details[name]) ? (details[name] as ConfigProblem[]) : [];

export async function configured(): Promise<Configured> {
  try {
    return planned(await loadConfig());
  } catch (error) {
    if (!isFustorError(error)) throw error;
    const problems = listOf(error.details, "problems").map((each) => findingOf("problem", each));
    const warnings = listOf(error.details, "warnings").map((each) => findingOf("note", each));
    const whole = problem("configuration", describeError(error), { cure: "fustor-agent init, or set FUSTOR_HOME" });
    return { pipes: [], findings: problems.length > 0 ? [...problems, ...warnings] : [whole] };
  }
}

function planned(config: AgentConfig): Configured {
  const { selected, notStarted } = selectPipes(config, []);
  const files = config.files.join(", ");
  const count = `${selected.length} of ${config.pipes.size} pipes would start`;
  const startable =
    selected.length > 0
      ? ok("configuration", `${files}: valid, ${count}`)
      : problem("configuration", `${files}: valid, but there is nothing to start`, {
          cure: "set enabled: true on a pipe",
        });
  const leftOut = notStarted.map(({ pipe, reason }) =>
    note("configuration", `${pipe.id} is not started: ${reason}`, {
      cure: `${formatOrigin(pipe.origin)} is where it stands`,
    }),
  );
  const unusable = config.unusable.map((each) => findingOf("problem", each));
  const warnings = config.warnings.map((each) => findingOf("note", each));
  return { config, pipes: selected, findings: [startable, ...unusable, ...warnings, ...leftOut] };
}
