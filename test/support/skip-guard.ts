/** A reporter: tests that were skipped for want of something are told at the end, and fail a run with FUSTOR_FAIL_ON_SKIP=1. */
import type { Reporter, TestCase, TestModule, Vitest } from "vitest/node";
import { judgeSkips } from "../../scripts/allowed-skips.mjs";

const nameOf = (test: TestCase): string => `${test.module.relativeModuleId} > ${test.fullName}`;

function whyOf(test: TestCase): string {
  const result = test.result();
  return (result.state === "skipped" ? result.note : undefined) ?? "its condition does not hold here";
}

export default class SkipGuard implements Reporter {
  #chosenByName = false;

  onInit(vitest: Vitest): void {
    this.#chosenByName = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // With -t everything else is skipped, as the user asked.
    if (this.#chosenByName) return;
    const skips = modules
      .flatMap((module) => [...module.children.allTests("skipped")])
      .map((test) => ({ test: nameOf(test), why: whyOf(test) }));
    if (!judgeSkips("vitest", skips)) process.exitCode = 1;
  }
}
