import { requestReload } from "../../agent/control/control-client.ts";
import { hasFailed, reloadLine } from "../../agent/reload/reload-report.ts";
import { resolveHome } from "../../config/home.ts";
import { EXIT, exitCodeOfRefusal } from "../exit-codes.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

/** Returns when the running agent has taken the configuration over, or has refused it and goes on with the old one. */
export async function reload(terminal: Terminal): Promise<number> {
  const outcome = await requestReload(resolveHome(process.env));
  if (outcome.kind === "refused") {
    for (const line of outcome.message.split("\n")) await terminal.complain(printable(line));
    await terminal.complain("Nothing was changed.");
    return exitCodeOfRefusal(outcome.code);
  }
  for (const note of outcome.notes) await terminal.complain(printable(note));
  for (const pipe of outcome.pipes) await terminal.line(printable(reloadLine(pipe)));
  if (outcome.pipes.length === 0) await terminal.line("No pipe is to run.");
  return hasFailed(outcome) ? EXIT.failure : EXIT.done;
}
