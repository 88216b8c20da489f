/** A bus of the program that runs the agent: a defect of it is named, and no pipe takes what is no batch. */
import { describeError } from "../sdk/errors.ts";
import type { BusSubscription, CreateEventBus, EventBus, EventBusSettings } from "../sdk/event-bus.ts";
import { guardedPart, partDefect } from "../sdk/guarded-part.ts";

const NAME = "event bus";
const SUBSCRIPTION = ["start", "take", "readable", "commit", "rewind", "close"];

export function createdBus(create: CreateEventBus, settings: EventBusSettings): EventBus {
  try {
    return create(settings);
  } catch (error) {
    throw partDefect(NAME, `it could not be made: ${describeError(error)}`, error);
  }
}

export const guardedBus = (bus: EventBus): EventBus =>
  guardedPart(bus, {
    name: NAME,
    methods: ["subscribe", "publish", "reportLoss", "setFeed", "beginsAt", "status"],
    inner: { subscribe: guardedSubscription },
  });

const guardedSubscription = (subscription: BusSubscription): BusSubscription =>
  guardedPart(subscription, { name: `${NAME}'s subscription`, methods: SUBSCRIPTION, checks: { take: defectOfTaken } });

function defectOfTaken(taken: unknown): string | undefined {
  if (taken === undefined) return undefined;
  const { kind, changes, indexes, directories } = (taken ?? {}) as Record<string, unknown>;
  if (kind === "lost" || (kind === "dirty" && Array.isArray(directories))) return undefined;
  if (kind !== "batch") return "returned neither a batch, a loss nor directories";
  if (!Array.isArray(changes) || changes.length === 0) return "returned a batch without changes";
  if (!Array.isArray(indexes) || indexes.length !== changes.length)
    return "returned a batch without an index per change";
  return undefined;
}
