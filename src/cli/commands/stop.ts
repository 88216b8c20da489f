import { requestPipeStop } from "../../agent/control/control-client.ts";
import { stopAgent } from "../../agent/process/stop-agent.ts";
import { resolveHome } from "../../config/home.ts";
import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

const PATIENCE = { graceMs: 15_000, killMs: 5_000, pollMs: 50 };

/** One pipe; the agent and its other pipes go on. */
async function stopOne(home: string, pipe: string, terminal: Terminal): Promise<number> {
  if (await requestPipeStop(home, pipe)) {
    await terminal.line(`Stopped the pipe ${pipe}. It starts again with the next reload or start.`);
    return EXIT.done;
  }
  await terminal.complain(`fustor-agent: the agent runs no pipe ${JSON.stringify(pipe)}`);
  return EXIT.failure;
}

export async function stop(pipe: string | undefined, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  if (pipe !== undefined) return stopOne(home, pipe, terminal);
  const outcome = await stopAgent(home, PATIENCE);
  switch (outcome.kind) {
    case "not_running":
      await terminal.line(`No agent is running on ${home}.`);
      return EXIT.done;
    case "stopped":
      await terminal.line(outcome.pid === undefined ? "Stopped." : `Stopped (PID ${outcome.pid}).`);
      return EXIT.done;
    case "killed":
      await terminal.complain(
        `The agent (PID ${outcome.pid}) did not end within ${PATIENCE.graceMs / 1000} s: killed.`,
      );
      return EXIT.failure;
    case "still_alive":
      await terminal.complain(`The agent (PID ${outcome.pid}) did not end, not even by SIGKILL.`);
      return EXIT.failure;
    case "out_of_reach":
      await terminal.complain(
        `${outcome.asked ? `The agent was asked and did not end within ${PATIENCE.graceMs / 1000} s` : "The agent does not answer"}, and its process cannot be told from here (another container, another machine, or a lost pid file): nothing was signalled. End it where it runs.`,
      );
      return EXIT.failure;
  }
}
