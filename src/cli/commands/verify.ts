/** `fustor-agent verify PIPE`: whether the receiver's view is what stands on the disk. */
import { shutdownSignal } from "../../agent/process/shutdown.ts";
import { loadConfig } from "../../config/load.ts";
import { requirePipe } from "../../config/select.ts";
import { describeError, FustorError, isFustorError } from "../../sdk/index.ts";
import { type NotCompared, parentOf } from "../../verify/compare-units.ts";
import type { Difference } from "../../verify/difference.ts";
import type { Tally, Verdict } from "../../verify/verification.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { StatusLine } from "../status-line.ts";
import { formatCount, printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { type ComparedPipe, openPipe, verifyPipe } from "../tools/verify.ts";
import { type AgentFacts, agentFacts, repair } from "../verify-agent.ts";
import {
  differenceJson,
  differenceLine,
  notComparedJson,
  progressLine,
  verdictJson,
  verdictLine,
} from "../verify-text.ts";

export interface VerifyCommandOptions {
  readonly path: string;
  /** Seconds. */
  readonly settle: number;
  readonly repair?: boolean;
  readonly json?: boolean;
}

/** Further ones are only counted: `--json` has them all. */
const MOST_LINES = 50;
const REDRAW_MS = 200;

const EXIT_CODES = { equal: EXIT.done, different: EXIT.different, incomplete: EXIT.notCompared } as const;

const exitCodeFor = ({ outcome, interrupted }: Verdict): number =>
  interrupted ? EXIT.notCompared : EXIT_CODES[outcome];

/** As the view names it. */
export const startPath = (written: string): string => `/${written.split("/").filter(Boolean).join("/")}`;

class VerifyRun {
  readonly #pipe: ComparedPipe;
  readonly #options: VerifyCommandOptions;
  readonly #facts: AgentFacts | undefined;
  readonly #terminal: Terminal;
  readonly #line: StatusLine;
  readonly #stop: AbortSignal;
  #lines = 0;
  #shownAt = 0;
  /** Of what differs, for a repair. */
  #directories = new Set<string>();

  constructor(
    pipe: ComparedPipe,
    options: VerifyCommandOptions,
    facts: AgentFacts | undefined,
    to: Terminal,
    stop: AbortSignal,
  ) {
    this.#pipe = pipe;
    this.#options = options;
    this.#facts = facts;
    this.#terminal = to;
    this.#line = new StatusLine(to);
    this.#stop = stop;
  }

  /** A directory before those in it. */
  get directories(): readonly string[] {
    return [...this.#directories].sort();
  }

  /** `isAbsenceEqual`: a repair may have removed all that there was. */
  async compare(isAbsenceEqual = false): Promise<Verdict> {
    this.#lines = 0;
    this.#directories.clear();
    const begun = performance.now();
    const expected = this.#showsProgress ? await this.#expected() : undefined;
    const kept = this.#facts?.keptMounts ?? [];
    const verdict = await verifyPipe(this.#pipe, {
      from: startPath(this.#options.path),
      settleMs: this.#options.settle * 1000,
      signal: this.#stop,
      isAbsenceEqual,
      excused: new Map(kept.map((path) => [path, "what was mounted there is gone: the view keeps it"])),
      onDifference: (difference) => this.#onDifference(difference),
      onNotCompared: (each) => this.#onNotCompared(each),
      onSettle: (waiting) => this.#onSettle(waiting),
      onProgress: (tally, waiting) => this.#onProgress(tally, waiting, expected, performance.now() - begun),
    }).finally(() => this.#line.end());
    await this.#conclude(verdict);
    return verdict;
  }

  get #showsProgress(): boolean {
    return this.#terminal.isInteractive && this.#options.json !== true;
  }

  async #expected(): Promise<number | undefined> {
    if (startPath(this.#options.path) !== "/") return undefined;
    return this.#pipe.view.count?.(this.#stop).catch(() => undefined);
  }

  async #onSettle(waiting: number): Promise<void> {
    if (this.#options.json === true) return;
    await this.#line.show(`${formatCount(waiting)} differ so far: looking again for up to ${this.#options.settle} s`);
  }

  async #onDifference(difference: Difference): Promise<void> {
    if (this.#options.repair === true) this.#directories.add(parentOf(difference.path));
    if (this.#options.json === true) await this.#terminal.json(differenceJson(difference));
    else await this.#sayOnce(differenceLine(difference));
  }

  async #onNotCompared(each: NotCompared): Promise<void> {
    if (this.#options.json === true) await this.#terminal.json(notComparedJson(each));
    else await this.#sayOnce(`not compared: ${printable(each.path)}: ${printable(each.reason)}`);
  }

  async #sayOnce(text: string): Promise<void> {
    if (this.#lines < MOST_LINES) await this.#line.above(text);
    if (this.#lines === MOST_LINES) await this.#line.above("... and more: --json prints all of them");
    this.#lines++;
  }

  #onProgress(tally: Tally, waiting: number, expected: number | undefined, elapsedMs: number): void {
    if (!this.#showsProgress || performance.now() - this.#shownAt < REDRAW_MS) return;
    this.#shownAt = performance.now();
    void this.#line.show(progressLine(tally, waiting, expected, elapsedMs));
  }

  async #conclude(verdict: Verdict): Promise<void> {
    if (this.#options.json === true) return this.#terminal.json(verdictJson(verdict));
    await this.#terminal.line(verdictLine(verdict));
    if (verdict.outcome !== "different" || this.#options.repair === true) return;
    const cure =
      this.#facts === undefined
        ? "No agent runs this pipe here: what changed since it ended is not in the view."
        : "--repair has the agent tell again what differs.";
    await this.#terminal.line(cure);
  }
}

/** Throws when nobody can mend what differs, or when it must not be mended. */
function assertRepairable(pipe: string, facts: AgentFacts | undefined): void {
  if (facts === undefined) {
    throw new FustorError(
      "FUSTOR_AGENT_STOPPED",
      `no agent runs the pipe ${JSON.stringify(pipe)}: a repair goes through it`,
    );
  }
  const isHeld = facts.keptMounts.length > 0 || facts.heldDeletes > 0;
  if (!isHeld) return;
  const what =
    "part of the tree is missing, which may be a lost mount: bring it back, or confirm it (fustor-agent confirm)";
  throw new FustorError("FUSTOR_SOURCE_UNAVAILABLE", `${pipe} is not repaired: ${what}`);
}

async function verified(
  id: string,
  options: VerifyCommandOptions,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<number> {
  const config = await loadConfig();
  const pipe = requirePipe(config, id);
  const facts = await agentFacts(config.home, id);
  if (options.repair === true) assertRepairable(id, facts);
  if (facts?.trouble !== undefined) {
    throw new FustorError("FUSTOR_SOURCE_UNAVAILABLE", `the source of ${id} is away: ${facts.trouble}`);
  }
  const opened = await openPipe(config, pipe, stop);
  try {
    const run = new VerifyRun(opened, options, facts, terminal, stop);
    const verdict = await run.compare();
    if (options.repair !== true || verdict.outcome !== "different" || stop.aborted) return exitCodeFor(verdict);
    if (facts?.isLeader !== true) {
      await terminal.complain(
        "fustor-agent: this agent follows another one: what only the view holds is left to the leader",
      );
    }
    const { directories } = run;
    if (options.json !== true) await terminal.line(`The agent tells ${directories.length} directories again.`);
    await repair(config.home, id, directories, stop);
    return exitCodeFor(await run.compare(true));
  } finally {
    await opened.close();
  }
}

export async function verify(pipe: string, options: VerifyCommandOptions, terminal: Terminal): Promise<number> {
  const shutdown = shutdownSignal();
  const stop = AbortSignal.any([shutdown.signal, terminal.closed]);
  try {
    return await verified(pipe, options, terminal, stop);
  } catch (error) {
    const ownCode = exitCodeOf(error);
    if (!isFustorError(error) || error.code === "FUSTOR_INTERNAL" || ownCode !== EXIT.failure) throw error;
    await terminal.complain(`fustor-agent: ${printable(describeError(error))}`);
    return EXIT.notCompared;
  } finally {
    shutdown.dispose();
  }
}
