/** The commands of the embedded Fusion; program.ts has the others. */
import type { Command } from "commander";
import { parseMoment } from "./option-values.ts";
import type { Finish } from "./program.ts";
import type { Terminal } from "./terminal.ts";

export function addFusionCommands(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command("demo")
    .description("agent and Fusion together on a directory, on loopback, with a temporary home")
    .argument("[dir]", "what to watch (default: the current directory)")
    .option("--once", "end as soon as the view is complete; exit code 0 when it equals the directory")
    .action(async (directory: string | undefined, options) => {
      finish(await (await import("./commands/demo.ts")).demo(directory, options, terminal));
    });
  const fusion = program
    .command("fusion")
    .description("run the embedded Fusion of $FUSTOR_HOME/fusion-config/*.yaml in the foreground")
    .option("-V, --verbose", "log in detail")
    .action(async (options) => finish(await (await import("./commands/fusion.ts")).fusion(options, terminal)));
  fusion
    .command("init")
    .description("write a configuration of the embedded Fusion with keys of its own")
    .action(async () => finish(await (await import("./commands/fusion-init.ts")).fusionInit(terminal)));
  fusion
    .command("views")
    .description("the views of the running Fusion: entries, pipes, agents and when they were seen last")
    .option("--json", "as JSON")
    .action(async (options) =>
      finish(await (await import("./commands/fusion-views.ts")).fusionViews(options, terminal)),
    );
  addKeyCommands(fusion, terminal, finish);
}

const commands = () => import("./commands/fusion-keys.ts");

function addKeyCommands(fusion: Command, terminal: Terminal, finish: Finish): void {
  const keys = fusion
    .command("keys")
    .description("keys of the embedded Fusion: make, list and end them, while it runs or not");
  keys
    .command("create")
    .description("make a key and print it, once")
    .option("--push <pipe>", "for agents that push to this pipe")
    .option("--read <view>", "for readers of this view")
    .option("--name <text>", "what the list calls it")
    .option("--expires <when>", "a span such as 90d, 12h or 30m, or a day or time in UTC", parseMoment)
    .option("--json", "as JSON")
    .action(async (options) => finish(await (await commands()).createKey(options, terminal)));
  keys
    .command("list")
    .description("every key that was made, without the key itself")
    .option("--json", "as JSON")
    .action(async (options) => finish(await (await commands()).listKeys(options, terminal)));
  keys
    .command("rotate")
    .description("make a key that takes the place of another one, which stays valid for a while; sessions go on")
    .argument("<id>", "of the key, as the list shows it")
    .requiredOption(
      "--old-until <when>",
      "how long the old key is valid: 7d, now, or a day or time in UTC",
      parseMoment,
    )
    .option("--expires <when>", "when the new key expires (default: never)", parseMoment)
    .option("--json", "as JSON")
    .action(async (id: string, options) => finish(await (await commands()).rotateKey(id, options, terminal)));
  keys
    .command("revoke")
    .description("end a key at once")
    .argument("<id>", "of the key, as the list shows it")
    .action(async (id: string) => finish(await (await commands()).revokeKey(id, terminal)));
}
