/** `start PIPE` while the agent of the home runs: the pipe starts there. */
import { requestPipeStart } from "../agent/control/control-client.ts";
import type { StartedPipe, StartOutcome } from "../agent/reload/reload-report.ts";
import { isFustorError } from "../sdk/index.ts";
import { EXIT, exitCodeOfRefusal } from "./exit-codes.ts";
import { printable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

function startedLine({ pipe, ran, failure }: StartedPipe): string {
  if (failure !== undefined) return `${pipe} did not start: ${failure}`;
  return ran ? `${pipe} runs already.` : `Started ${pipe} in the running agent.`;
}

/** What came of it; the exit code. */
export async function tellStart(outcome: StartOutcome, terminal: Terminal): Promise<number> {
  if (outcome.kind === "refused") {
    for (const line of outcome.message.split("\n")) await terminal.complain(`fustor-agent: ${printable(line)}`);
    return exitCodeOfRefusal(outcome.code);
  }
  return (await tell(outcome.pipes, terminal)) ? EXIT.done : EXIT.failure;
}

async function tell(pipes: readonly StartedPipe[], terminal: Terminal): Promise<boolean> {
  for (const pipe of pipes) {
    const line = printable(startedLine(pipe));
    if (pipe.failure === undefined) await terminal.line(line);
    else await terminal.complain(`fustor-agent: ${line}`);
  }
  return pipes.every(({ failure }) => failure === undefined);
}

/** The exit code, or undefined when no agent runs on the home. Ends with the first name that the agent refuses. */
export async function startInRunningAgent(
  home: string,
  names: readonly string[],
  terminal: Terminal,
): Promise<number | undefined> {
  let allRun = true;
  for (const name of names) {
    let outcome: StartOutcome;
    try {
      outcome = await requestPipeStart(home, name);
    } catch (error) {
      if (isFustorError(error, "FUSTOR_AGENT_STOPPED")) return undefined;
      throw error;
    }
    const code = await tellStart(outcome, terminal);
    if (outcome.kind === "refused") return code;
    allRun &&= code === EXIT.done;
  }
  return allRun ? EXIT.done : EXIT.failure;
}
