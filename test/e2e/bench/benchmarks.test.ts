/** One file and so one worker: the suites share the tools that the first of them compiles. */
import { beforeAll } from "vitest";
import { BUILD_TIMEOUT_MS, buildBenchTools } from "../../support/bench-tools.ts";

beforeAll(buildBenchTools, BUILD_TIMEOUT_MS);

await import("./tree.ts");
await import("./receiver.ts");
