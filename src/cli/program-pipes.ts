/** The commands for single pipes of a running agent; program.ts has the others. */
import { Argument, type Command } from "commander";
import type { Finish } from "./program.ts";
import type { Terminal } from "./terminal.ts";

const pipeArgument = (): Argument => new Argument("<pipe>", "id of a pipe of the running agent");

export function addPipeCommands(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command("snapshot")
    .description("have a pipe send the whole tree anew; it has to lead")
    .addArgument(pipeArgument())
    .action(async (pipe: string) => finish(await (await import("./commands/pipe.ts")).snapshot(pipe, terminal)));
  program
    .command("tap")
    .description("print the changes that a pipe sends, as it takes them; the pipe notices nothing")
    .addArgument(pipeArgument())
    .option("--filter <glob>", "only paths that match: *.csv, /a/**")
    .option("--kinds <list>", "only these: insert, update, delete, with commas")
    .option("--json", "one JSON object a line, with the row")
    .action(async (pipe: string, options) =>
      finish(await (await import("./commands/tap.ts")).tap(pipe, options, terminal)),
    );
  const pipes = program.command("pipe").description("start, stop or restart one pipe of the running agent");
  pipes
    .command("start")
    .description("start it, also when it is not enabled")
    .addArgument(pipeArgument())
    .action(async (pipe: string) => finish(await (await import("./commands/pipe.ts")).startPipe(pipe, terminal)));
  pipes
    .command("stop")
    .description("stop it; the agent and its other pipes go on")
    .addArgument(pipeArgument())
    .action(async (pipe: string) => finish(await (await import("./commands/stop.ts")).stop(pipe, terminal)));
  pipes
    .command("restart")
    .description("stop it and start it with the configuration as it is now")
    .addArgument(pipeArgument())
    .action(async (pipe: string) => finish(await (await import("./commands/pipe.ts")).restartPipe(pipe, terminal)));
}
