import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { PATIENCE } from "./test/support/patience.ts";

interface Project {
  readonly include: string | readonly string[];
  readonly exclude?: readonly string[];
  /** Projects with the same number run together, the others one after the other. */
  readonly groupOrder: number;
  readonly testTimeout: number;
  /** Test files at once; default: as many as there are cores. */
  readonly maxWorkers?: number;
  /** Modules that are others than Node would find: name -> file. */
  readonly alias?: Readonly<Record<string, string>>;
}

const project = (name: string, { include, groupOrder, testTimeout, exclude = [], ...rest }: Project) => ({
  test: {
    name,
    include: [include].flat(),
    exclude: [...exclude],
    testTimeout: testTimeout * PATIENCE,
    hookTimeout: testTimeout * PATIENCE,
    sequence: { groupOrder },
    ...rest,
  },
});

/** These wait for processes more than they compute: one pool for all of them. */
const waiting = { groupOrder: 3, maxWorkers: 6 };
/** The packages of drivers are tried with the SDK as it stands in src/. */
const SDK = {
  "fustor-agent/sdk/testing": resolve(import.meta.dirname, "src/sdk/testing/contract-suites.ts"),
  "fustor-agent/sdk": resolve(import.meta.dirname, "src/sdk/kit.ts"),
};
/** They need the default ports, or addresses: test/e2e/own-network.test.ts runs them in a network namespace. */
const OWN_NETWORK = ["readme-blocks", "two-addresses", "two-machines"].map((name) => `test/e2e/${name}.test.ts`);

/** The longest in the waiting pool: they begin first, so that none of them is left over when all others are done. */
const LONG = [
  ...["interop/restarts", "e2e/cli", "e2e/drivers", "e2e/verify", "e2e/reload", "interop/fusion-outages"],
  ...["bench/watchers", "bench/trees", "home/one-agent", "sender-kafka/test/agent", "e2e/checkout", "e2e/restarts"],
  ...["scenarios/bursts", "e2e/descriptors", "scenarios/renames", "e2e/daily", "faults/crashes", "interop/arbitration"],
  ...[
    "source-postgres/test/agent",
    "source-s3/test/agent",
    "source-mysql/test/server",
    "bench/receivers",
    "interop/changes",
    "interop/failovers",
  ],
].map((name) => `/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONG.findIndex((name) => moduleId.endsWith(name));
      return place < 0 ? LONG.length : place;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    reporters: ["default", "./test/support/skip-guard.ts"],
    projects: [
      project("unit", { include: "test/unit/**/*.test.ts", groupOrder: 1, testTimeout: 20_000 }),
      project("integration", {
        include: "test/integration/**/*.test.ts",
        groupOrder: 2,
        testTimeout: 60_000,
        maxWorkers: 2,
      }),
      project("e2e", { include: "test/e2e/*.test.ts", exclude: OWN_NETWORK, testTimeout: 120_000, ...waiting }),
      project("e2e-pairs", { include: "test/e2e/*/*.test.ts", testTimeout: 120_000, ...waiting }),
      project("drivers", { include: "packages/*/test/**/*.test.ts", testTimeout: 120_000, ...waiting, alias: SDK }),
      project("interop", { include: "test/interop/*.test.ts", testTimeout: 180_000, ...waiting }),
      // On demand: `npm run soak`.
      project("soak", { include: "test/soak/*.test.ts", testTimeout: 300_000, ...waiting }),
      project("own-network", { include: OWN_NETWORK, groupOrder: 4, testTimeout: 120_000, maxWorkers: 1 }),
    ],
  },
});
