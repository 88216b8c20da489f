/**
 * What values of a configuration look like, for the schemas of drivers and of the agent itself.
 *
 * Every message reads `what is wrong; what to do`. Values are taken as Python's YAML and its models take them: `yes`
 * and `on` are booleans, a quoted number is a number, so that one file serves both agents.
 */
import { z } from "zod";

/** Timers hold no longer delays than 2^31 ms. */
const MAX_SECONDS = 2_000_000;

const YES = new Set(["true", "yes", "on"]);
const NO = new Set(["false", "no", "off"]);

/** `yes` and `on` as true, `no` and `off` as false; anything else unchanged. */
export const switchOf = (value: unknown): unknown => {
  if (typeof value !== "string") return value;
  const word = value.toLowerCase();
  if (YES.has(word)) return true;
  return NO.has(word) ? false : value;
};

/** A number that stands in quotes as a number; anything else unchanged. */
export const numberOf = (value: unknown): unknown =>
  typeof value === "string" && /^[+-]?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;

export const flag = z.preprocess(switchOf, z.boolean({ error: "is neither true nor false; write true or false" }));

export const text = z
  .string({ error: "is not text; put the value in quotes" })
  .refine((value) => value.trim() !== "", { error: "is empty; give it a value" });

/** Texts; one alone need not be a list. */
export const texts = (error: string): z.ZodType<readonly string[]> =>
  z.preprocess((value) => (typeof value === "string" ? [value] : value), z.array(text, { error })) as z.ZodType<
    readonly string[]
  >;

export function wholeNumber(from: number, to: number = Number.MAX_SAFE_INTEGER): z.ZodType<number> {
  const error = `is not a whole number; write one ${range(from, to)}`;
  return z.preprocess(numberOf, z.int({ error }).min(from, { error }).max(to, { error })) as z.ZodType<number>;
}

function range(from: number, to: number): string {
  return to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`;
}

/** Seconds, whole or with a fraction; 0 means off. */
export const interval: z.ZodType<number> = seconds(0, "write seconds, 0 turns it off");

/** Seconds above 0. */
export const duration: z.ZodType<number> = seconds(Number.MIN_VALUE, "write seconds above 0");

function seconds(from: number, cure: string): z.ZodType<number> {
  const error = `is not a number of seconds that fits; ${cure} (at most ${MAX_SECONDS})`;
  return z.preprocess(
    numberOf,
    z.number({ error }).min(from, { error }).max(MAX_SECONDS, { error }),
  ) as z.ZodType<number>;
}
