/**
 * Calls of an installed driver: what it throws, promises and leaves open comes back as an error that names the driver,
 * its package and the method, or as a value that was looked at.
 */
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { describeError, FustorError, type FustorErrorCode } from "../../sdk/index.ts";
import { membersOf } from "../../sdk/members-of.ts";
import { type DriverOrigin, originText } from "../origin.ts";

/** Half a sentence that says what is wrong with a value, undefined when nothing is. */
export type Check<T> = (value: T) => string | undefined;

export interface CallRules<T> {
  readonly boundMs: number;
  readonly signal?: AbortSignal;
  readonly check?: Check<T>;
}

/** So long a driver may keep the process busy before everything else gets its turn. */
const TURN_MS = 10;

const aborted = (method: string): FustorError => new FustorError("FUSTOR_ABORTED", `${method} was cancelled`);

/** A FustorError of this copy of the code: a driver may have been made with another. */
function asFustorError(error: unknown): FustorError | undefined {
  if (error instanceof FustorError) return error;
  if (!(error instanceof Error) || error.name !== "FustorError") return undefined;
  const { code, retryable, details, retryAfterMs } = error as Partial<FustorError>;
  if (typeof code !== "string" || !/^FUSTOR_[A-Z_]+$/.test(code)) return undefined;
  const isNumber = typeof retryAfterMs === "number";
  return new FustorError(code as FustorErrorCode, error.message, {
    retryable: retryable === true,
    details: details ?? {},
    cause: error.cause,
    ...(isNumber ? { retryAfterMs } : {}),
  });
}

export class DriverCalls {
  readonly origin: DriverOrigin;

  constructor(origin: DriverOrigin) {
    this.origin = origin;
  }

  /** `what` completes "the driver ...". */
  defect(method: string, what: string, cause?: unknown): FustorError {
    const { name, package: from, version } = this.origin;
    return new FustorError("FUSTOR_DRIVER_DEFECT", `${originText(this.origin)}: ${method} ${what}`, {
      retryable: true,
      details: { driver: name, package: from, version, method },
      ...(cause === undefined ? {} : { cause }),
    });
  }

  /** What the driver threw, named. An error of the contract's own family says itself what is wrong. */
  failure(method: string, error: unknown): FustorError {
    const own = asFustorError(error);
    if (own !== undefined) return own;
    if (error instanceof Error) return this.defect(method, "failed", error);
    return this.defect(method, `threw something that is no error: ${describeError(error)}`);
  }

  /** A call that answers at once. */
  now<T>(method: string, call: () => T, check?: Check<T>): T {
    let answer: T;
    try {
      answer = call();
    } catch (error) {
      throw this.failure(method, error);
    }
    return this.checked(method, answer, check);
  }

  checked<T>(method: string, answer: T, check: Check<T> | undefined): T {
    let wrong: string | undefined;
    try {
      wrong = check?.(answer);
    } catch (error) {
      throw this.failure(method, error);
    }
    if (wrong !== undefined) throw this.defect(method, `handed over ${wrong}`);
    return answer;
  }

  /**
   * A call that answers later: at the latest when the time is over or the signal aborts. The call gets a signal of its
   * own, which aborts when nobody waits for its answer any more.
   */
  async later<T>(method: string, call: (signal: AbortSignal) => T | Promise<T>, rules: CallRules<T>): Promise<T> {
    const { boundMs, signal, check } = rules;
    if (signal?.aborted === true) throw aborted(method);
    const own = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    let end: () => void = () => undefined;
    const cut = new Promise<never>((_, reject) => {
      const late = (): void => reject(this.defect(method, `did not answer within ${boundMs / 1000} s`));
      if (Number.isFinite(boundMs)) timer = setTimeout(late, boundMs);
      end = () => reject(aborted(method));
      signal?.addEventListener("abort", end, { once: true });
    });
    try {
      // An answer that comes too late is nobody's: the race has taken care of its rejection as well.
      const answer = await Promise.race([this.#begun(call, own.signal), cut]);
      return this.checked(method, answer, check);
    } catch (error) {
      own.abort();
      throw this.failure(method, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    }
  }

  async #begun<T>(call: (signal: AbortSignal) => T | Promise<T>, signal: AbortSignal): Promise<T> {
    return await call(signal);
  }

  /**
   * A call that answers at once with something that lasts, such as an iteration. The signal that it gets aborts with
   * the one given here, and when `end` is called.
   */
  begin<T>(method: string, signal: AbortSignal, call: (signal: AbortSignal) => T, check: Check<T>): Begun<T> {
    const own = new AbortController();
    const end = (): void => {
      signal.removeEventListener("abort", end);
      own.abort();
    };
    if (signal.aborted) own.abort();
    else signal.addEventListener("abort", end, { once: true });
    try {
      return { value: this.now(method, () => call(own.signal), check), end };
    } catch (error) {
      end();
      throw error;
    }
  }

  /**
   * An iteration whose every step is a call with a bound. Between two steps the rest of the process gets its turn, also
   * when the driver always has the next value ready.
   */
  async *steps<T>(method: string, values: AsyncIterable<T>, rules: StepRules<T>): AsyncGenerator<T, void, undefined> {
    const iterator = this.now(method, () => values[Symbol.asyncIterator]());
    let isOver = false;
    let turn = performance.now();
    try {
      for (;;) {
        const step = await this.later(method, () => iterator.next(), { boundMs: rules.boundMs, signal: rules.signal });
        if (step.done === true) {
          isOver = true;
          if (!rules.mayEnd && !rules.signal.aborted) throw this.defect(method, "ended although nobody asked for it");
          return;
        }
        const value = rules.take(step.value);
        if (performance.now() - turn > TURN_MS) {
          await turnOfTheLoop();
          turn = performance.now();
        }
        yield value;
      }
    } finally {
      rules.end();
      if (!isOver) await this.#ended(method, iterator, rules.closeMs);
    }
  }

  async #ended(method: string, iterator: AsyncIterator<unknown>, boundMs: number): Promise<void> {
    if (iterator.return === undefined) return;
    await this.later(`the end of ${method}`, () => iterator.return?.(), { boundMs }).catch(() => undefined);
  }
}

export interface Begun<T> {
  readonly value: T;
  readonly end: () => void;
}

export interface StepRules<T> {
  /** For one step. Infinity: a stream may be silent. */
  readonly boundMs: number;
  readonly closeMs: number;
  readonly signal: AbortSignal;
  /** Whether an iteration may end by itself. */
  readonly mayEnd: boolean;
  /** Called at the end of the iteration, before the driver's iterator is returned. */
  readonly end: () => void;
  /** Looks at a value; throws a defect. */
  readonly take: (value: T) => T;
}

export const isAsyncIterable = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === "function";

/** The first of these methods that is missing. */
export const missingMethod = (value: unknown, names: readonly string[]): string | undefined =>
  names.find((name) => typeof membersOf(value)[name] !== "function");
