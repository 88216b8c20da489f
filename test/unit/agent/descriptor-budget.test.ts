import { describe, expect, it } from "vitest";
import { DescriptorBudget } from "../../../src/agent/descriptor-budget.ts";

/** How many pipes it lets in, each with the source that is named for it. */
function letIn(budget: DescriptorBudget, sourceOf: (pipe: number) => string): number {
  for (let pipe = 0; pipe < 1000; pipe++) {
    try {
      budget.take(sourceOf(pipe));
    } catch {
      return pipe;
    }
  }
  return 1000;
}

const ownSource = (pipe: number): string => `source ${pipe}`;

describe("the descriptors for pipes", () => {
  it("are enough for as many pipes as fit beside what else is open and a reserve", () => {
    expect(letIn(new DescriptorBudget(() => 128, 30), ownSource)).toBe(4);
    expect(letIn(new DescriptorBudget(() => 1024, 30), ownSource)).toBe(68);
  });

  it("are enough for more pipes when they share a source", () => {
    expect(letIn(new DescriptorBudget(() => 128, 30), () => "one")).toBe(14);
  });

  it("are enough for a first pipe, however few there are", () => {
    expect(letIn(new DescriptorBudget(() => 10, 30), ownSource)).toBe(1);
  });

  it("are without end where no limit is known", () => {
    expect(letIn(new DescriptorBudget(() => null, 30), ownSource)).toBe(1000);
  });

  it("are there again when a pipe ended, and when the limit was raised", () => {
    let limit = 128;
    const budget = new DescriptorBudget(() => limit, 30);
    const count = letIn(budget, ownSource);
    budget.give("source 0");
    budget.take("another");
    expect(() => budget.take("one more")).toThrow("no file descriptor is left for it");
    limit = 1024;
    expect(letIn(budget, ownSource)).toBeGreaterThan(count);
  });

  it("of a source are held until its last pipe ended", () => {
    const budget = new DescriptorBudget(() => 30 + 32 + 3 * 4 + 10, 30);
    budget.take("shared");
    budget.take("shared");
    budget.give("shared");
    expect(() => budget.take("another")).toThrow();
    budget.give("shared");
    budget.take("another");
  });

  it("that are missing are told with the limit and the cure", () => {
    const budget = new DescriptorBudget(() => 64, 30);
    budget.take("one");
    expect(() => budget.take("two")).toThrow(
      expect.objectContaining({
        code: "FUSTOR_LIMIT_REACHED",
        message:
          "no file descriptor is left for it (limit 64, which is enough for 1 such pipe): raise ulimit -n, LimitNOFILE= of a unit, and start the agent again",
      }),
    );
  });
});
