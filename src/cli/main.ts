#!/usr/bin/env node
import { describeError, isFustorError } from "../sdk/index.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { runProgram } from "./program.ts";
import { printable } from "./table.ts";
import { Terminal } from "./terminal.ts";

const verbose = (args: readonly string[]): boolean => args.includes("-V") || args.includes("--verbose");

/** One line a problem; a stack trace only for a defect of ours or when asked for in detail. */
async function report(error: unknown, args: readonly string[], terminal: Terminal): Promise<void> {
  const known = isFustorError(error) && error.code !== "FUSTOR_INTERNAL";
  const stack = verbose(args) && error instanceof Error && !known ? `\n${error.stack}` : "";
  const text = describeError(error).split("\n").map(printable).join("\n");
  await terminal.complain(`fustor-agent: ${text}${stack}`);
}

/** Waits until both streams took everything: ending the process would cut it off. */
const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => (stream.writable ? stream.write("", () => resolve()) : resolve()));

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const terminal = new Terminal(process.stdout, process.stderr);
  let exitCode: number;
  try {
    exitCode = await runProgram(args, terminal);
  } catch (error) {
    await report(error, args, terminal);
    exitCode = exitCodeOf(error);
  }
  if (terminal.closed.aborted && exitCode === EXIT.failure) exitCode = EXIT.done;
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(exitCode);
}

await main();
