/**
 * An installed driver as one of ours: every member of its module is called behind a guard, and what it makes is
 * guarded as well. The drivers that come with the agent need none.
 */
import type { z } from "zod";
import {
  type AnyDriverModule,
  type DriverEntry,
  describeError,
  type EntryCheck,
  omitUndefined,
  type PlaceProblem,
  type SenderModule,
  type SourceModule,
  type WrittenEntry,
} from "../../sdk/index.ts";
import { membersOf } from "../../sdk/members-of.ts";
import { type DriverOrigin, originText } from "../origin.ts";
import { GUARD_BOUNDS, type GuardBounds } from "./bounds.ts";
import { DriverCalls } from "./driver-calls.ts";
import { guardedSender, senderDefect } from "./guarded-sender.ts";
import { guardedSource } from "./guarded-source.ts";
import { limitedLogger } from "./limited-logger.ts";
import { sourceDefect } from "./source-defects.ts";

const CURE = "ask the author of the driver, or use another version";

/** A schema that answers or complains about itself, whichever zod it was made with. */
function guardedSchema(schema: z.ZodObject, calls: DriverCalls): z.ZodObject {
  const safeParse = (value: unknown): unknown => {
    try {
      const result = calls.now("safeParse of its schema", () => schema.safeParse(value) as unknown);
      const { success, data, error } = membersOf(result);
      if (success === true && typeof data === "object" && data !== null) return result;
      const { issues } = membersOf(error);
      if (success === false && Array.isArray(issues) && issues.length > 0) {
        return { success, error: { issues: issues.map(issueOf) } };
      }
      throw calls.defect("safeParse of its schema", "handed over no result");
    } catch (error) {
      return { success: false, error: { issues: [{ path: [], message: `${describeError(error)}; ${CURE}` }] } };
    }
  };
  return { shape: { ...schema.shape }, safeParse } as unknown as z.ZodObject;
}

function issueOf(issue: unknown): { readonly path: readonly unknown[]; readonly message: string } {
  const { path, message } = membersOf(issue);
  return { path: Array.isArray(path) ? path : [], message: typeof message === "string" ? message : "is not right" };
}

function guardedCheck(module: AnyDriverModule, calls: DriverCalls): NonNullable<AnyDriverModule["check"]> {
  return (entry: WrittenEntry, check: EntryCheck): DriverEntry | undefined => {
    try {
      return calls.now("check", () => module.check?.(entry, check), checkedEntryDefect);
    } catch (error) {
      check.error("uri", describeError(error), CURE);
      return undefined;
    }
  };
}

function checkedEntryDefect(answer: unknown): string | undefined {
  if (answer === undefined) return undefined;
  const { uri, params } = membersOf(answer);
  return typeof uri === "string" && typeof params === "object" && params !== null
    ? undefined
    : "no entry with uri and params";
}

const OUTCOMES: ReadonlySet<unknown> = new Set(["refuse", "fail", "wait"]);

function problemsDefect(problems: unknown): string | undefined {
  const isProblem = (problem: unknown): boolean => {
    const { key, what, cure, outcome } = membersOf(problem);
    return [key, what, cure].every((text) => typeof text === "string") && OUTCOMES.has(outcome);
  };
  return Array.isArray(problems) && problems.every(isProblem) ? undefined : "no list of problems";
}

function guardedInspect(module: AnyDriverModule, calls: DriverCalls, boundMs: number) {
  return async (entry: DriverEntry): Promise<readonly PlaceProblem[]> => {
    try {
      const rules = { boundMs, check: problemsDefect };
      return await calls.later<readonly PlaceProblem[]>("inspect", () => module.inspect?.(entry) ?? [], rules);
    } catch (error) {
      return [{ key: "uri", what: describeError(error), cure: CURE, outcome: "fail" }];
    }
  };
}

/** What both kinds have. `agentWide` is left out: keys beside the sections belong to the agent. */
function commonMembers(module: AnyDriverModule, calls: DriverCalls, bounds: GuardBounds) {
  const { name, schema, defaultUri, withoutEffect } = module;
  return {
    name,
    aliases: [...(module.aliases ?? [])],
    schema: guardedSchema(schema, calls),
    withoutEffect,
    defaultUri,
    check: module.check && guardedCheck(module, calls),
    inspect: module.inspect && guardedInspect(module, calls, bounds.inspectMs),
  };
}

function guardedSourceModule(module: SourceModule, calls: DriverCalls, bounds: GuardBounds): SourceModule {
  const { rowKey } = module;
  return omitUndefined({
    ...commonMembers(module, calls, bounds),
    kind: "source",
    rowKey,
    create: async (given, settings) => {
      const context = { ...given, logger: limitedLogger(given.logger, originText(calls.origin)) };
      const rules = { boundMs: bounds.callMs, check: sourceDefect };
      const driver = await calls.later("create", () => module.create(context, settings), rules);
      return guardedSource({ driver, calls, bounds, logger: context.logger });
    },
  } satisfies { [K in keyof SourceModule]: SourceModule[K] | undefined }) as SourceModule;
}

function guardedSenderModule(module: SenderModule, calls: DriverCalls, bounds: GuardBounds): SenderModule {
  const { overrides } = module;
  return omitUndefined({
    ...commonMembers(module, calls, bounds),
    kind: "sender",
    overrides,
    create: async (given, settings) => {
      const context = { ...given, logger: limitedLogger(given.logger, originText(calls.origin)) };
      const rules = { boundMs: bounds.callMs, check: senderDefect };
      const driver = await calls.later("create", () => module.create(context, settings), rules);
      return guardedSender({ driver, calls, bounds, timeoutMs: settings.timeoutMs });
    },
  } satisfies { [K in keyof SenderModule]: SenderModule[K] | undefined }) as SenderModule;
}

export function guardedModule(
  module: AnyDriverModule,
  origin: DriverOrigin,
  bounds: GuardBounds = GUARD_BOUNDS,
): AnyDriverModule {
  const calls = new DriverCalls(origin);
  return module.kind === "source"
    ? guardedSourceModule(module, calls, bounds)
    : guardedSenderModule(module, calls, bounds);
}
