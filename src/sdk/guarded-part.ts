/** Parts that a program gives to the agent in place of its own: what is wrong with one is told as its own. */
import { describeError, FustorError } from "./errors.ts";

export interface PartGuard {
  /** As in `the event bus that createAgent was given`. */
  readonly name: string;
  /** Methods that it must have. */
  readonly methods: readonly string[];
  /** What is wrong with an answer, by the name of the method; a verb and what follows. */
  readonly checks?: Readonly<Record<string, (answer: unknown) => string | undefined>>;
  /** Methods that answer with a promise: also what they throw, or hand back, at once comes as one. */
  readonly later?: readonly string[];
  /** What goes on instead of an error that names the part. Default: it is thrown. */
  readonly instead?: (defect: FustorError) => undefined;
  /** Guards what a method returned. */
  readonly inner?: Readonly<Record<string, (answer: never) => unknown>>;
}

export const partDefect = (name: string, what: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_PART_DEFECT", `the ${name} that createAgent was given: ${what}`, { cause });

/** The part with every call looked at. Throws FUSTOR_PART_DEFECT when it lacks a method. */
export function guardedPart<T extends object>(part: T, guard: PartGuard): T {
  const { name, methods } = guard;
  if (typeof part !== "object" || part === null) throw partDefect(name, "it is no object");
  const missing = methods.find((method) => typeof Reflect.get(part, method) !== "function");
  if (missing !== undefined) throw partDefect(name, `it has no method ${missing}`);
  const calls = new Map<string | symbol, unknown>();
  return new Proxy(part, {
    get(target, key) {
      const value = memberOf(target, key, guard);
      if (typeof value !== "function") return value;
      const known = calls.get(key);
      if (known !== undefined) return known;
      const call = (...given: unknown[]): unknown =>
        timely(
          String(key),
          guard,
          attempt(String(key), guard, () => Reflect.apply(value, target, given)),
        );
      calls.set(key, call);
      return call;
    },
  });
}

const timely = (method: string, { later = [] }: PartGuard, answer: unknown): unknown =>
  later.includes(method) ? Promise.resolve(answer) : answer;

function memberOf(target: object, key: string | symbol, guard: PartGuard): unknown {
  try {
    return Reflect.get(target, key, target);
  } catch (error) {
    return failed(String(key), guard, error);
  }
}

function attempt(method: string, guard: PartGuard, call: () => unknown): unknown {
  try {
    const answer = call();
    if (!(answer instanceof Promise)) return judged(method, guard, answer);
    return answer.then((value) => judged(method, guard, value)).catch((error: unknown) => failed(method, guard, error));
  } catch (error) {
    return failed(method, guard, error);
  }
}

function judged(method: string, { name, checks, inner }: PartGuard, answer: unknown): unknown {
  const wrong = checks?.[method]?.(answer);
  if (wrong !== undefined) throw partDefect(name, `${method} ${wrong}`);
  return inner?.[method]?.(answer as never) ?? answer;
}

function failed(method: string, { name, instead }: PartGuard, error: unknown): undefined {
  const isNamed = error instanceof FustorError && error.code === "FUSTOR_PART_DEFECT";
  const defect = isNamed ? error : partDefect(name, `${method} failed: ${describeError(error)}`, error);
  if (instead === undefined) throw defect;
  return instead(defect);
}
