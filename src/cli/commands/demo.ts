import { dirname, resolve } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { shutdownSignal } from "../../agent/process/shutdown.ts";
import { workingFolder } from "../../config/home.ts";
import { FustorError } from "../../sdk/index.ts";
import { createLogger } from "../../telemetry/logger.ts";
import type { Difference } from "../../verify/difference.ts";
import { countOf } from "../../verify/verification.ts";
import {
  curlLine,
  type DemoMoment,
  demoLine,
  isLive,
  keptMountLine,
  keptMounts,
  snapshotSummary,
} from "../demo-lines.ts";
import { EXIT } from "../exit-codes.ts";
import { StatusLine } from "../status-line.ts";
import { formatCount, printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { type Demo, startDemo } from "../tools/demo.ts";
import { watchReader } from "../tools/reader-gone.ts";
import { differenceLine } from "../verify-text.ts";

export interface DemoCommandOptions {
  readonly once?: boolean;
}

const POLL_MS = 100;
const REDRAW_MS = { interactive: 200, plain: 1000 };
/** A living tree changes while it is compared: for so long the comparison is repeated. */
const COMPARE_LIMIT_MS = 30_000;
const SHOWN_DIFFERENCES = 20;

/** npm runs scripts in the package's folder and tells in INIT_CWD where the user stands. */
export function demoDirectory(written: string | undefined, env: NodeJS.ProcessEnv, cwd: string): string {
  if (written === undefined) return cwd;
  const byNpm =
    env.INIT_CWD !== undefined && env.npm_package_json !== undefined && dirname(env.npm_package_json) === cwd;
  return resolve(byNpm ? (env.INIT_CWD ?? cwd) : cwd, written);
}

function standpoint(): string {
  const folder = workingFolder();
  if (folder !== undefined) return folder;
  throw new FustorError("FUSTOR_SOURCE_UNAVAILABLE", "the working directory was removed: change to one that exists");
}

/** Warnings and errors go above the line that is rewritten. */
const loggerAbove = (line: StatusLine) => {
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      line.above(String(chunk).trimEnd()).then(() => done(), done);
    },
  });
  return createLogger({ level: "warn", stdout });
};

async function introduce(demo: Demo, line: StatusLine): Promise<void> {
  await line.above(`Watching ${printable(demo.root)}`);
  await line.above(`Tree     ${demo.treeUrl}`);
  await line.above(`Ask it   ${curlLine(demo.treeUrl, demo.readKey)}`);
}

function momentOf(demo: Demo, startedAt: number): DemoMoment {
  const view = demo.view();
  const elapsedMs = performance.now() - startedAt;
  return { status: demo.status(), viewReady: view.ready, viewEntries: view.entries, elapsedMs };
}

/** Shows the demo's state until the signal, or with `once` until it is live. */
async function follow(demo: Demo, line: StatusLine, everyMs: number, stop: AbortSignal, once: boolean): Promise<void> {
  const startedAt = performance.now();
  let shownAt = Number.NEGATIVE_INFINITY;
  let wasLive = false;
  let kept = new Set<string>();
  while (!stop.aborted) {
    const moment = momentOf(demo, startedAt);
    const live = isLive(moment.status.pipes[0], moment.viewReady);
    if (live && !wasLive) await line.above(snapshotSummary(moment));
    const lost = new Set(keptMounts(moment.status));
    for (const path of lost) if (!kept.has(path)) await line.above(keptMountLine(path));
    kept = lost;
    if (live !== wasLive || performance.now() - shownAt >= everyMs) {
      await line.show(demoLine(moment));
      shownAt = performance.now();
    }
    wasLive = live;
    if (live && once) return;
    await pause(POLL_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}

async function judge(demo: Demo, line: StatusLine, terminal: Terminal, stop: AbortSignal): Promise<number> {
  const shown: Difference[] = [];
  const note = (difference: Difference): void => {
    if (shown.length < SHOWN_DIFFERENCES) shown.push(difference);
  };
  const verdict = await demo.compare(COMPARE_LIMIT_MS, note, stop);
  await line.end();
  if (verdict.outcome === "equal") {
    await terminal.line(`The view is complete and equal: ${formatCount(demo.view().entries)} entries below the root.`);
    return EXIT.done;
  }
  for (const difference of shown) await terminal.complain(differenceLine(difference));
  const what =
    verdict.outcome === "different" ? `differs in ${countOf(verdict)} entries` : "could not be compared as a whole";
  await terminal.complain(`fustor-agent: the view, compared with the directory, ${what}`);
  return EXIT.failure;
}

async function run(
  demo: Demo,
  once: boolean,
  line: StatusLine,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<number> {
  await introduce(demo, line);
  const everyMs = terminal.isInteractive ? REDRAW_MS.interactive : REDRAW_MS.plain;
  if (!once) await line.above("Ctrl-C ends it.");
  await follow(demo, line, everyMs, stop, once);
  if (!once) return EXIT.done;
  // An interrupted comparison has shown nothing.
  if (stop.aborted) return EXIT.failure;
  return judge(demo, line, terminal, stop);
}

export async function demo(
  directory: string | undefined,
  options: DemoCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const shutdown = shutdownSignal();
  const reader = watchReader(process.stdout.fd);
  const stop = AbortSignal.any([shutdown.signal, terminal.closed, reader.gone]);
  const line = new StatusLine(terminal);
  const logger = loggerAbove(line);
  try {
    const running = await startDemo(demoDirectory(directory, process.env, standpoint()), logger);
    try {
      return await run(running, options.once ?? false, line, terminal, stop);
    } catch (error) {
      if (stop.aborted) return options.once === true ? EXIT.failure : EXIT.done;
      throw error;
    } finally {
      await line.end();
      await running.stop();
    }
  } finally {
    reader.dispose();
    shutdown.dispose();
  }
}
