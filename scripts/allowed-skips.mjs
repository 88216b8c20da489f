/**
 * Tests that were skipped for want of something: told always, and a failure in CI (FUSTOR_FAIL_ON_SKIP=1) unless test/allowed-skips.json
 * names the test with the reason why it may be skipped there.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const LIST = join(resolve(import.meta.dirname, ".."), "test/allowed-skips.json");

/** @returns {{suite: "native" | "vitest", test: string, reason: string}[]} */
function readAllowed() {
  const allowed = JSON.parse(readFileSync(LIST, "utf8"));
  for (const { suite, test, reason } of allowed) {
    const complete = ["native", "vitest"].includes(suite) && typeof test === "string" && typeof reason === "string";
    if (!complete) throw new Error(`${LIST}: an entry needs "suite" (native or vitest), "test" and "reason"`);
  }
  return allowed;
}

/**
 * Prints what was skipped. False when one of them is not allowed and skips are failures.
 * @param {"native" | "vitest"} suite
 * @param {readonly {test: string, why: string}[]} skips
 */
export function judgeSkips(suite, skips, env = process.env) {
  if (skips.length === 0) return true;
  const allowed = new Map(readAllowed().flatMap((each) => (each.suite === suite ? [[each.test, each.reason]] : [])));
  const strict = env.FUSTOR_FAIL_ON_SKIP === "1";
  let good = true;
  for (const { test, why } of skips) {
    const reason = allowed.get(test);
    if (reason === undefined && strict) good = false;
    const verdict =
      reason === undefined ? (strict ? "SKIPPED, which is a failure here" : "skipped") : "skipped, allowed";
    console.log(`${verdict}: ${test}: ${reason ?? why}`);
  }
  if (!good)
    console.log(
      "what was skipped was not tested: make it run here, or name it in test/allowed-skips.json with the reason",
    );
  return good;
}
