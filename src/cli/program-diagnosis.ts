/** The commands that look and change nothing; program.ts has the others. */
import { Argument, type Command } from "commander";
import type { SchemaKind } from "./commands/schema.ts";
import type { Shell } from "./completion.ts";
import { parseSeconds } from "./option-values.ts";
import type { Finish } from "./program.ts";
import type { Terminal } from "./terminal.ts";

export function addDiagnosisCommands(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command("doctor")
    .description("look at machine, configuration, receivers and agent; name what is wrong, each with its cure")
    .option("--json", "every finding, as JSON")
    .action(async (options) => finish(await (await import("./commands/doctor.ts")).doctor(options, terminal)));
  program
    .command("config")
    .description("what the configuration amounts to")
    .command("print")
    .description("every value that takes effect, defaults and secrets' places included, and where each comes from")
    .option("--json", "as JSON")
    .action(async (options) => finish(await (await import("./commands/config.ts")).configPrint(options, terminal)));
  program
    .command("schema")
    .description("the JSON Schema of a configuration file, for editors")
    .addArgument(new Argument("[kind]", "of file").choices(["agent", "fusion"]).default("agent"))
    .action(async (kind: SchemaKind) => finish(await (await import("./commands/schema.ts")).schema(kind, terminal)));
  program
    .command("top")
    .description("one screen of what every pipe does now: role, phase, rate, lag, backlog, errors")
    .option("-i, --interval <seconds>", "between two looks", parseSeconds, 2)
    .action(async (options) => finish(await (await import("./commands/top.ts")).top(options, terminal)));
  program
    .command("diag")
    .description("pack status, doctor, configuration, versions and the end of the log for others, without secrets")
    .argument("[file]", "where to (default: a new .tar.gz in the current directory)")
    .option("--names", "with names of files below the roots")
    .action(async (file: string | undefined, options) => {
      finish(await (await import("./commands/diag.ts")).diag(file, options, terminal));
    });
  program
    .command("completion")
    .description("print what completes this command line in a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .action(async (shell: Shell) => {
      finish(await (await import("./commands/completion.ts")).completion(program, shell, terminal));
    });
}
