/**
 * `fustor-agent/sdk/testing`: the contracts as suites for vitest. The same rules without a runner: `sourceChecks` and
 * `senderChecks`, each check a sentence and a function that throws.
 */
import { describe, test } from "vitest";
import type { ContractCheck } from "./contract-check.ts";
import { type MakeSender, type SenderWorld, senderChecks } from "./sender-checks.ts";
import { sourceChecks } from "./source-checks.ts";
import type { MakeSource, MakeWorld, SourceWorld } from "./source-scene.ts";

export { ContractBroken, type ContractCheck } from "./contract-check.ts";
export { type MakeSender, type SenderWorld, senderChecks } from "./sender-checks.ts";
export { sourceChecks } from "./source-checks.ts";
export type { MakeSource, MakeWorld, SourceWorld } from "./source-scene.ts";

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
