/** The logger that an installed driver is given: a flood of lines neither fills the disk nor hides what others say. */
import { describeError, excerpt, type Logger } from "../../sdk/index.ts";

export interface LogLimits {
  /** Lines of one level at once. */
  readonly burst: number;
  /** Lines of one level in the long run. */
  readonly perSecond: number;
  /** Of a message, and of the facts as JSON. */
  readonly maxChars: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

export const LOG_LIMITS: LogLimits = { burst: 50, perSecond: 2, maxChars: 4_000, now: () => performance.now() };

type Level = "debug" | "info" | "warn" | "error";
const LEVELS: readonly Level[] = ["debug", "info", "warn", "error"];

/** So long after a line was left out it is said how many were. */
const SAID_AFTER_MS = 10_000;

/** Counts the lines of one level. Each level has its own, so that a flood of one hides no other. */
class LineBudget {
  readonly #limits: LogLimits;
  readonly #say: (leftOut: number) => void;
  #tokens: number;
  #at: number;
  #leftOut = 0;

  constructor(limits: LogLimits, say: (leftOut: number) => void) {
    this.#limits = limits;
    this.#say = say;
    this.#tokens = limits.burst;
    this.#at = limits.now();
  }

  /** Whether the line may be written. The first one that may not has the number said later. */
  admits(): boolean {
    const { burst, perSecond, now } = this.#limits;
    const at = now();
    this.#tokens = Math.min(burst, this.#tokens + ((at - this.#at) / 1000) * perSecond);
    this.#at = at;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return true;
    }
    if (this.#leftOut++ === 0) setTimeout(() => this.#report(), SAID_AFTER_MS).unref();
    return false;
  }

  #report(): void {
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    this.#say(leftOut);
  }
}

type Budgets = Readonly<Record<Level, LineBudget>>;

/** Facts that are no JSON (a number that is too large, a circle) say that. */
function jsonOf(facts: object): string {
  try {
    return JSON.stringify(facts);
  } catch (error) {
    return describeError(error);
  }
}

/** Errors are written as they are; everything else is cut when its JSON is too long. */
function boundedFacts(facts: object, maxChars: number): object {
  const { err, ...others } = facts as Readonly<Record<string, unknown>>;
  const text = jsonOf(others);
  if (text.length <= maxChars) return facts;
  return { ...(err === undefined ? {} : { err }), facts: excerpt(text, maxChars) };
}

function limited(logger: Logger, budgets: Budgets, maxChars: number): Logger {
  const write = (level: Level, facts: object, message: string): void => {
    if (budgets[level].admits()) logger[level](boundedFacts(facts, maxChars), excerpt(String(message), maxChars));
  };
  return {
    debug: (facts, message) => write("debug", facts, message),
    info: (facts, message) => write("info", facts, message),
    warn: (facts, message) => write("warn", facts, message),
    error: (facts, message) => write("error", facts, message),
    child: (facts) => limited(logger.child(boundedFacts(facts, maxChars)), budgets, maxChars),
  };
}

/** Children share the limits of the logger that they were made of. `who` names the driver. */
export function limitedLogger(logger: Logger, who: string, limits: LogLimits = LOG_LIMITS): Logger {
  const budgetOf = (level: Level): LineBudget =>
    new LineBudget(limits, (leftOut) => {
      logger[level]({ leftOut }, `${leftOut} further lines of ${who} were left out: it logs too much`);
    });
  const budgets = Object.fromEntries(LEVELS.map((level) => [level, budgetOf(level)])) as unknown as Budgets;
  return limited(logger, budgets, limits.maxChars);
}
