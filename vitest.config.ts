import { defineConfig } from "vitest/config";

const project = (name: string, testTimeout: number, parallel: boolean) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    fileParallelism: parallel,
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", 20_000, true),
      project("integration", 60_000, false),
      project("e2e", 120_000, false),
      project("interop", 180_000, false),
    ],
  },
});
