/** The commands for single pipes of a running agent; program.ts has the others. */
import { Argument, type Command, Option } from "commander";
import { parseSetting, parseUnset } from "./pipe-settings.ts";
import type { Finish } from "./program.ts";
import type { Terminal } from "./terminal.ts";

const pipeArgument = (): Argument => new Argument("<pipe>", "id of a pipe of the running agent");

export function addPipeCommands(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command("snapshot")
    .description("have a pipe send the whole tree anew; it has to lead")
    .addArgument(pipeArgument())
    .addOption(new Option("--pause", "pause the snapshot that runs").conflicts(["resume", "cancel"]))
    .addOption(new Option("--resume", "go on with it").conflicts("cancel"))
    .option("--cancel", "end it; the receiver gets no end of it")
    .action(async (pipe: string, options) =>
      finish(await (await import("./commands/pipe.ts")).snapshot(pipe, options, terminal)),
    );
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
  const pipes = program.command("pipe").description("one pipe: start, stop or restart it, add, change or delete it");
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
  addConfigCommands(pipes, terminal, finish);
}

const ownPipe = (): Argument => new Argument("<pipe>", "id of a pipe that was added so");

function addConfigCommands(pipes: Command, terminal: Terminal, finish: Finish): void {
  withSettings(pipes.command("add"))
    .description("add a pipe to the configuration, and to the running agent if there is one")
    .addArgument(new Argument("<pipe>", "id of the new pipe"))
    .option("--disabled", "do not start it yet")
    .action(async (pipe: string, options) => finish(await (await configCommands()).addPipe(pipe, options, terminal)));
  withSettings(pipes.command("update"))
    .description("change a pipe that was added so; it starts anew if that changes anything")
    .addArgument(ownPipe())
    .option("--unset <key>", "take a key out; may be repeated", parseUnset)
    .action(async (pipe: string, options) =>
      finish(await (await configCommands()).updatePipe(pipe, options, terminal)),
    );
  for (const [name, description] of [
    ["enable", "switch a pipe on that was added so, and start it"],
    ["disable", "stop a pipe that was added so, and keep it from starting again"],
    ["delete", "remove a pipe that was added so, with its own source and sender"],
  ] as const) {
    pipes
      .command(name)
      .description(description)
      .addArgument(ownPipe())
      .action(async (pipe: string) => finish(await (await configCommands()).switchPipe(pipe, name, terminal)));
  }
  pipes
    .command("list")
    .description("every pipe of the configuration, and where it is changed")
    .option("--json", "as JSON")
    .action(async ({ json = false }) => finish(await (await configCommands()).listPipeConfigs(json, terminal)));
}

const configCommands = () => import("./commands/pipe-config.ts");

const withSettings = (command: Command): Command =>
  command
    .option("--source <id>", "id of its source")
    .option("--source-uri <uri>", "in place of it, an address for a source of its own: custom://my-stream, /data")
    .option("--sender <id>", "id of its sender")
    .option("--set <key=value>", "any other key; may be repeated, and dots lead into blocks", parseSetting);
