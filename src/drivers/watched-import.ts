/**
 * Imports a module of others, and watches what it does meanwhile to the process as a whole. What can be undone is
 * undone, and the rest is said with the name of the package.
 */
import { writeSync } from "node:fs";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { describeError } from "../sdk/index.ts";
import { settlesWithin } from "../sdk/settles-within.ts";
import { culpritIn, culpritOf } from "./culprit.ts";
import type { LoadedCode } from "./loaded-code.ts";

/** Modules may wait while they are imported, but not for ever. */
const IMPORT_MS = 10_000;

/** Errors that nothing catches and signals are the agent's to handle. */
const EVENTS = ["uncaughtException", "unhandledRejection", "SIGTERM", "SIGINT", "SIGHUP"] as const;

export interface Imported {
  readonly namespace: Readonly<Record<string, unknown>>;
  /** Half sentences about the package: what it did and what became of it. */
  readonly undone: readonly string[];
}

/** Of the code that called `process.exit`, seen from a listener of `exit`. */
export function exitStack(listener: (code: number) => void): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const at: { stack?: string } = {};
  Error.captureStackTrace(at, listener);
  Error.stackTraceLimit = limit;
  return at.stack ?? "";
}

/** Nothing can keep the process from ending any more; that it ended well is not said of it. */
function watchExit(code: LoadedCode): () => void {
  const onExit = (status: number): void => {
    if (culpritIn(exitStack(onExit), [code]) === undefined) return;
    if (status === 0) process.exitCode = 1;
    writeSync(2, `fustor-agent: ${code.who} ended the process with process.exit(${status}) while it was loaded\n`);
  };
  process.on("exit", onExit);
  return () => process.off("exit", onExit);
}

/** Rejects when the package leaves an error to nobody. Every other error ends the process as it would without us. */
function watchErrors(code: LoadedCode): { readonly failed: Promise<never>; readonly end: () => void } {
  let end: () => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    const onError = (error: unknown): void => {
      if (culpritOf(error, [code]) !== undefined)
        reject(new Error(`it left an error to nobody: ${describeError(error)}`));
      else if (process.listenerCount("uncaughtException") === 1) rethrow(error, end);
    };
    process.on("uncaughtException", onError);
    end = () => process.off("uncaughtException", onError);
  });
  failed.catch(() => undefined);
  return { failed, end };
}

/** Without a listener Node prints it and ends the process. */
export function rethrow(error: unknown, removeListener: () => void): void {
  removeListener();
  setImmediate(() => {
    throw error;
  });
}

/** What the import did to the process is taken back when the returned function is called, which says what it was. */
function watchProcess(): () => readonly string[] {
  const folder = process.cwd();
  const before = new Map(EVENTS.map((event) => [event, new Set<unknown>(process.rawListeners(event))]));
  return () => {
    const undone: string[] = [];
    if (process.cwd() !== folder) {
      process.chdir(folder);
      undone.push("changed the working directory of the process, which was changed back");
    }
    for (const event of EVENTS) {
      const added = process.rawListeners(event).filter((listener) => before.get(event)?.has(listener) === false);
      for (const listener of added) process.removeListener(event, listener as () => void);
      if (added.length > 0) undone.push(`listened for ${event} of the process, which was ended`);
    }
    return undone;
  };
}

/** Rejects with what is wrong. `load` imports the module. */
export async function watchedImport(
  code: LoadedCode,
  load: () => Promise<Readonly<Record<string, unknown>>>,
): Promise<Imported> {
  const errors = watchErrors(code);
  const endExit = watchExit(code);
  const restore = watchProcess();
  try {
    const late = (): Error => new Error(`it did not load within ${IMPORT_MS / 1000} s`);
    const namespace = await settlesWithin(Promise.race([load(), errors.failed]), IMPORT_MS, late);
    // Promises that were rejected meanwhile are reported with the next turn.
    await Promise.race([turnOfTheLoop(), errors.failed]);
    return { namespace, undone: restore() };
  } catch (error) {
    restore();
    throw error;
  } finally {
    endExit();
    errors.end();
  }
}
