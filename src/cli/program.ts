/** Every command, its arguments and options in one place. The work is loaded only when a command is called. */
import { Argument, Command, CommanderError, Option } from "commander";
import type { DriverKind } from "../sdk/driver.ts";
import { agentVersion } from "../sdk/version.ts";
import { EXIT } from "./exit-codes.ts";
import { parseLines, parseSeconds, parseThreads } from "./option-values.ts";
import { addDiagnosisCommands } from "./program-diagnosis.ts";
import { addFusionCommands } from "./program-fusion.ts";
import { addPipeCommands } from "./program-pipes.ts";
import { addServiceCommand } from "./program-service.ts";
import { addVerifyCommand } from "./program-verify.ts";
import type { Terminal } from "./terminal.ts";

/** Gets the exit code of the command that ran. */
export type Finish = (exitCode: number) => void;

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

const withFilter = (command: Command): Command =>
  command
    .option("--exclude <glob>", "leave out what matches; may be repeated", collect)
    .option("--file-pattern <pattern>", "only files whose name matches, such as *.csv")
    .option("--threads <number>", "threads of the scan, 0 = one per core", parseThreads);

function addAgentCommands(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command("start")
    .description(
      "start the agent: the pipes named, or all that are enabled; named ones start in an agent that runs already",
    )
    .argument("[pipes...]", "ids of pipes, started even if they are not enabled")
    .option("-D, --daemon", "in the background; returns when every pipe runs or one failed")
    .option("-V, --verbose", "log in detail")
    .addOption(new Option("--daemon-child").hideHelp())
    .action(async (pipes: string[], options) => {
      finish(await (await import("./commands/start.ts")).start(pipes, options, terminal));
    });
  program
    .command("stop")
    .description("stop the agent of this home, or one of its pipes")
    .argument("[pipe]", "id of a pipe; the agent and its other pipes go on")
    .action(async (pipe: string | undefined) => {
      finish(await (await import("./commands/stop.ts")).stop(pipe, terminal));
    });
  program
    .command("restart")
    .description("stop the agent of this home and start it in the background")
    .argument("[pipes...]", "as for start")
    .option("-V, --verbose", "log in detail")
    .action(async (pipes: string[], options) => {
      finish(await (await import("./commands/restart.ts")).restart(pipes, options.verbose ?? false, terminal));
    });
  program
    .command("reload")
    .description("make the running agent take over its changed configuration; says what changed")
    .action(async () => finish(await (await import("./commands/reload.ts")).reload(terminal)));
  program
    .command("status")
    .description("what the running agent does; exit code 3 when there is none")
    .option("--json", "everything, as JSON")
    .option("-w, --watch [seconds]", "again and again, every 2 seconds or so many, until q or Ctrl-C", parseSeconds)
    .action(async (options) => finish(await (await import("./commands/status.ts")).status(options, terminal)));
  program
    .command("logs")
    .description("the last lines of the agent's log")
    .option("-f, --follow", "and what is written from now on")
    .option("-n, --lines <number>", "how many", parseLines, 50)
    .addOption(
      new Option("--level <level>", "only this and worse").choices(["debug", "info", "warn", "error"]).default("debug"),
    )
    .option("--json", "as they stand in the file")
    .action(async (options) => finish(await (await import("./commands/logs.ts")).logs(options, terminal)));
  program
    .command("confirm")
    .description("what stands at the root of a source now is meant, and what it lacks is deleted")
    .argument("<source>", "id of the source, as status shows it")
    .action(async (source: string) => {
      finish(await (await import("./commands/confirm.ts")).confirm(source, terminal));
    });
  program
    .command("audit")
    .description("compare what is there with what the agent knows of it (a sweep); what differs is sent")
    .argument("<pipe>", "id of a pipe that runs")
    .addOption(
      new Option("--mode <mode>", "how thoroughly (default: as configured)").choices(["names", "stat", "hash"]),
    )
    .option(
      "--wait",
      "return when the sweep is over; exit code 1 unless it looked at everything and found no corruption",
    )
    .addOption(new Option("--pause", "pause the sweep that runs").conflicts(["mode", "wait", "resume", "cancel"]))
    .addOption(new Option("--resume", "go on with it").conflicts(["mode", "wait", "cancel"]))
    .addOption(new Option("--cancel", "end it").conflicts(["mode", "wait"]))
    .action(async (pipe: string, options) => {
      finish(await (await import("./commands/audit.ts")).audit(pipe, options, terminal));
    });
}

function addConfigCommands(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command("list")
    .description("the pipes of the configuration")
    .action(async () => finish(await (await import("./commands/list.ts")).list(terminal)));
  program
    .command("validate")
    .description("check the configuration and name everything that is wrong with it")
    .action(async () => finish(await (await import("./commands/validate.ts")).validate(terminal)));
  program
    .command("init")
    .description("write a commented sample configuration into the home")
    .action(async () => finish(await (await import("./commands/init.ts")).init(terminal)));
}

function addDriverCommands(program: Command, terminal: Terminal, finish: Finish): void {
  const drivers = program
    .command("drivers")
    .description("the drivers there are: list, add and remove them, or begin one of your own");
  drivers
    .command("list")
    .description("every driver with its version, where it comes from and whether it can be used")
    .option("--json", "as JSON")
    .action(async (options) =>
      finish(await (await import("./commands/drivers-list.ts")).listOfDrivers(options, terminal)),
    );
  drivers
    .command("add")
    .description("install a package of drivers into the home, with npm")
    .argument("<package>", "its name, a tarball or a folder")
    .action(async (what: string) => {
      finish(await (await import("./commands/drivers-change.ts")).addDriver(what, terminal));
    });
  drivers
    .command("remove")
    .description("remove a package that was added")
    .argument("<name>", "of the package, or of a driver in it")
    .action(async (name: string) => {
      finish(await (await import("./commands/drivers-change.ts")).removeDriver(name, terminal));
    });
  drivers
    .command("new")
    .description("write a package with a driver that works, and its test")
    .addArgument(new Argument("<kind>", "source or sender").choices(["source", "sender"]))
    .argument("<name>", "of the driver, or of the package, such as @me/fustor-source-demo")
    .argument("[dir]", "where to; by default a new folder of that name")
    .action(async (kind: DriverKind, name: string, folder: string | undefined) => {
      finish(await (await import("./commands/drivers-new.ts")).newDriver(kind, name, folder, terminal));
    });
}

function addEngineCommands(program: Command, terminal: Terminal, finish: Finish): void {
  withFilter(program.command("watch"))
    .description("print every change below a directory as one JSON line, without any Fusion")
    .argument("<dir>")
    .option("--raw", "the kernel's events as they come")
    .action(async (directory: string, options) => {
      finish(await (await import("./commands/watch.ts")).watch(directory, options, terminal));
    });
  withFilter(program.command("scan"))
    .description("print every entry of a directory tree as one JSON line, the root first")
    .argument("<dir>")
    .option("--summary", "one line of counts and rate instead")
    .action(async (directory: string, options) => {
      finish(await (await import("./commands/scan.ts")).scan(directory, options, terminal));
    });
}

/** Every command; `finish` gets the exit code of the one that ran. */
export function buildProgram(terminal: Terminal, finish: Finish): Command {
  const program = new Command("fustor-agent");
  program
    .description("Watches directory trees and keeps a Fusion service's view of them equal.")
    .version(agentVersion, "-v, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .addHelpText("after", "\nThe home is $FUSTOR_HOME, by default ~/.fustor.")
    .showSuggestionAfterError()
    .exitOverride();
  // Commander writes the error and the suggestion as several lines: one is enough.
  program.configureOutput({
    writeOut: (text) => void terminal.write(text),
    outputError: (text, write) =>
      write(
        `fustor-agent: ${text
          .trim()
          .replace(/^error: /, "")
          .replaceAll(/\s*\n\s*/g, " ")}\n`,
      ),
  });
  program
    .command("version")
    .description("print the version")
    .action(async () => {
      await terminal.line(agentVersion);
      finish(EXIT.done);
    });
  addAgentCommands(program, terminal, finish);
  addVerifyCommand(program, terminal, finish);
  addConfigCommands(program, terminal, finish);
  addPipeCommands(program, terminal, finish);
  addDiagnosisCommands(program, terminal, finish);
  addServiceCommand(program, terminal, finish);
  addDriverCommands(program, terminal, finish);
  addFusionCommands(program, terminal, finish);
  addEngineCommands(program, terminal, finish);
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

/** Runs one command line to its end. Rejects with what a command could not cope with. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = buildProgram(terminal, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}
