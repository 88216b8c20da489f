#!/usr/bin/env node
import "./debugger-signal.ts";
import { isatty } from "node:tty";
import { endProcess } from "../agent/process/end-process.ts";
import { describeError, isFustorError } from "../sdk/index.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { runProgram } from "./program.ts";
import { printable } from "./table.ts";
import { Terminal } from "./terminal.ts";

const verbose = (args: readonly string[]): boolean => args.includes("-V") || args.includes("--verbose");

/**
 * A process that may open too few files to begin with fails wherever it opens the first one too many, as when it loads
 * its own modules.
 */
const cureOf = (error: unknown): string =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === "EMFILE"
    ? ": raise the limit (ulimit -n, LimitNOFILE= of a unit)"
    : "";

/** One line a problem; a stack trace only for a defect of ours or when asked for in detail. */
async function report(error: unknown, args: readonly string[], terminal: Terminal): Promise<void> {
  const known = isFustorError(error) && error.code !== "FUSTOR_INTERNAL";
  const stack = verbose(args) && error instanceof Error && !known ? `\n${error.stack}` : "";
  const text = `${describeError(error)}${cureOf(error)}`.split("\n").map(printable).join("\n");
  await terminal.complain(`fustor-agent: ${text}${stack}`);
}

/** Waits until both streams took everything: ending the process would cut it off. */
const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => (stream.writable ? stream.write("", () => resolve()) : resolve()));

const terminals = [0, 1, 2].filter(isatty);

/**
 * Node wants to set back the modes of its terminal and crashes when that is gone; the signal that tells of such an end
 * does not.
 */
function end(exitCode: number): never {
  if (!terminals.every(isatty)) process.kill(process.pid, "SIGHUP");
  endProcess(exitCode);
}

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
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  const { failure } = terminal;
  if (failure !== undefined) {
    await terminal.complain(`fustor-agent: standard output takes nothing: ${describeError(failure)}`);
    exitCode = exitCode === EXIT.done ? EXIT.failure : exitCode;
  } else if (terminal.closed.aborted && exitCode === EXIT.failure) exitCode = EXIT.done;
  end(exitCode);
}

await main();
