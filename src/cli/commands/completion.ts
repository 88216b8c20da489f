import type { Command } from "commander";
import { completionOf, type Shell } from "../completion.ts";
import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

export async function completion(program: Command, shell: Shell, terminal: Terminal): Promise<number> {
  await terminal.write(completionOf(program, shell));
  return EXIT.done;
}
