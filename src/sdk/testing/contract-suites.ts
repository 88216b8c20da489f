/**
 * `fustor-agent/sdk/testing`: the contracts as suites for vitest. The same rules without a runner: `sourceChecks` and
 * `senderChecks`, each check a sentence and a function that throws.
 */
import { describe, test } from "vitest";
import type { CreateEventBus } from "../event-bus.ts";
import type { OpenStateStore } from "../state-store.ts";
import type { ContractCheck } from "./contract-check.ts";
import { eventBusChecks } from "./event-bus-checks.ts";
import { type MakeSender, type SenderWorld, senderChecks } from "./sender-checks.ts";
import { sourceChecks } from "./source-checks.ts";
import type { MakeSource, MakeWorld, SourceWorld } from "./source-scene.ts";
import { stateStoreChecks } from "./state-store-checks.ts";

export { ContractBroken, type ContractCheck } from "./contract-check.ts";
export { eventBusChecks } from "./event-bus-checks.ts";
export { type MakeSender, type SenderWorld, senderChecks } from "./sender-checks.ts";
export { sourceChecks } from "./source-checks.ts";
export type { MakeSource, MakeWorld, SourceWorld } from "./source-scene.ts";
export { stateStoreChecks } from "./state-store-checks.ts";

/** For one check: several waits of ten seconds at most. */
const CHECK_MS = 60_000;

function describeChecks(name: string, checks: readonly ContractCheck[]): void {
  describe(name, () => {
    for (const check of checks) test(check.name, check.run, CHECK_MS);
  });
}

/** Declares a test for every rule of the source contract. Both functions are called anew for each. */
export function describeSource<W extends SourceWorld>(make: MakeSource<W>, makeWorld: MakeWorld<W>): void {
  describeChecks("the source contract: the driver", sourceChecks(make, makeWorld));
}

/** Declares a test for every rule of the sender contract. */
export function describeSender<W extends SenderWorld>(make: MakeSender<W>, makeWorld: MakeWorld<W>): void {
  describeChecks("the sender contract: the driver", senderChecks(make, makeWorld));
}

/** Declares a test for every rule that an event bus for `createAgent` has to keep. */
export function describeEventBus(create: CreateEventBus): void {
  describeChecks("the contract of an event bus: it", eventBusChecks(create));
}

/** Declares a test for every rule that a state store for `createAgent` has to keep. */
export function describeStateStore(open: OpenStateStore): void {
  describeChecks("the contract of a state store: it", stateStoreChecks(open));
}
