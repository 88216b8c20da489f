/** The command `verify`, its argument and options. */
import type { Command } from "commander";
import { parseSettle } from "./option-values.ts";
import type { Finish } from "./program.ts";
import type { Terminal } from "./terminal.ts";

export function addVerifyCommand(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command("verify")
    .description("compare the disk with the receiver's view, entry by entry; exit code 0 only when they are equal")
    .argument("<pipe>", "id of a pipe of the configuration; its agent may run or not")
    .option("--path <path>", "only this path of the view and what is below it", "/")
    .option("--settle <seconds>", "how long a difference may take to pass", parseSettle, 10)
    .option("--repair", "have the running agent tell again what differs, then compare once more")
    .option("--json", "a line of JSON for each difference, and one at the end")
    .addHelpText("after", "\nExit codes: 0 equal, 2 different, 4 not everything could be compared.")
    .action(async (pipe: string, options) => {
      finish(await (await import("./commands/verify.ts")).verify(pipe, options, terminal));
    });
}
