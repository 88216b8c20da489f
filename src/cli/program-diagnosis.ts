/** The commands that look and change nothing; program.ts has the others. */
import type { Command } from "commander";
import type { Finish } from "./program.ts";
import type { Terminal } from "./terminal.ts";

export function addDiagnosisCommands(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command("doctor")
    .description("look at machine, configuration, receivers and agent; name what is wrong, each with its cure")
    .option("--json", "every finding, as JSON")
    .action(async (options) => finish(await (await import("./commands/doctor.ts")).doctor(options, terminal)));
}
