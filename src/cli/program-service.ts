/** The command that makes the agent a service; program.ts has the others. */
import type { Command } from "commander";
import type { Finish } from "./program.ts";
import type { Terminal } from "./terminal.ts";

export function addServiceCommand(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command("install-service")
    .description("write a unit of systemd for this installation, with a user and a home of its own")
    .option("--user <name>", "who the agent runs as; made when it is not there", "fustor")
    .option("--home <dir>", "its home", "/var/lib/fustor-agent")
    .option("--root <dir>", "put everything below this folder, for the image of another machine", "/")
    .option("--dry-run", "say what would be done, print the unit, and change nothing")
    .action(async (options) =>
      finish(await (await import("./commands/install-service.ts")).installService(options, terminal)),
    );
}
