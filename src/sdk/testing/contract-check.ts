/** One rule of a contract and how it is tried. Free of any test runner: a check fails by throwing. */
import { isDeepStrictEqual } from "node:util";
import { describeError } from "../errors.ts";
import { settlesWithin } from "../settles-within.ts";

export interface ContractCheck {
  /** A sentence about the driver that can be false. */
  readonly name: string;
  /** Throws an Error that says what the driver did instead. */
  run(): Promise<void>;
}

/** So long a check waits for what a driver has to do soon, in milliseconds. */
export const SOON_MS = 10_000;

export class ContractBroken extends Error {
  override readonly name = "ContractBroken";
}

export function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new ContractBroken(otherwise);
}

export function demandEqual(actual: unknown, expected: unknown, what: string): void {
  const text = (value: unknown): string => JSON.stringify(value) ?? String(value);
  demand(isDeepStrictEqual(actual, expected), `${what}: expected ${text(expected)}, got ${text(actual)}`);
}

/** Settles as the promise does, or fails when that takes too long. */
export const soon = <T>(promise: Promise<T> | T, what: string, boundMs: number = SOON_MS): Promise<T> =>
  settlesWithin(promise, boundMs, () => new ContractBroken(`${what} took longer than ${boundMs / 1000} s`));

/** Whether the call failed, and with what code; undefined when it did not. */
export async function failureCode(call: () => unknown, what: string): Promise<string | undefined> {
  try {
    await soon(Promise.resolve(call()), what);
    return undefined;
  } catch (error) {
    if (error instanceof ContractBroken) throw error;
    const { code } = error as { readonly code?: unknown };
    return typeof code === "string" ? code : describeError(error);
  }
}
