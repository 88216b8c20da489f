import { defineConfig } from "vitest/config";

interface Project {
  readonly include: string;
  /** Projects run one after the other. */
  readonly groupOrder: number;
  readonly testTimeout: number;
  /** Test files at once; default: as many as there are cores. */
  readonly maxWorkers?: number;
}

const project = (name: string, { include, groupOrder, testTimeout, ...rest }: Project) => ({
  test: { name, include: [include], testTimeout, hookTimeout: testTimeout, sequence: { groupOrder }, ...rest },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", { include: "test/unit/**/*.test.ts", groupOrder: 1, testTimeout: 20_000 }),
      project("integration", {
        include: "test/integration/**/*.test.ts",
        groupOrder: 2,
        testTimeout: 60_000,
        maxWorkers: 2,
      }),
      // These need the default ports.
      project("e2e", { include: "test/e2e/*.test.ts", groupOrder: 3, testTimeout: 120_000, maxWorkers: 1 }),
      // These wait for processes more than they compute.
      project("e2e-pairs", { include: "test/e2e/*/*.test.ts", groupOrder: 4, testTimeout: 120_000, maxWorkers: 2 }),
      project("interop", { include: "test/interop/*.test.ts", groupOrder: 5, testTimeout: 180_000, maxWorkers: 2 }),
    ],
  },
});
