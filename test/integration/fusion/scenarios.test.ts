/** The scenarios of arbitration against the embedded Fusion, with a clock of their own; test/interop plays them with the real one. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedFusion, startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { parseFusionConfig } from "../../../src/fusion/fusion-config.ts";
import { silentLogger } from "../../../src/sdk/observer.ts";
import { postBody, runScenario, type ScenarioTarget } from "./run-scenario.ts";
import { INGEST_BODIES, SCENARIO_CONFIG, SCENARIOS } from "./scenarios.ts";

describe("the embedded Fusion", () => {
  let fusion: EmbeddedFusion;
  let seconds = 1_790_000_000;
  let target: ScenarioTarget;

  beforeAll(async () => {
    const text = SCENARIO_CONFIG.replace("$VIEWS", "0").replace("$RECEIVER", "0");
    const clock = { wallSeconds: () => seconds, monotonicMs: () => seconds * 1000 };
    const config = parseFusionConfig([{ file: "scenarios.yaml", text }]);
    fusion = await startEmbeddedFusion({ config, logger: silentLogger, clock });
    target = {
      viewUrl: fusion.viewUrl,
      receiverUrl: fusion.receiverUrls.get("http-receiver") ?? "",
      now: () => seconds,
      wait: async (passed) => {
        seconds += passed;
      },
      settle: async () => undefined,
    };
  });
  afterAll(() => fusion.stop());

  for (const scenario of SCENARIOS) it(scenario.name, () => runScenario(target, scenario));
  it.each(INGEST_BODIES)("answers $status to an ingest body with $name", async ({ body, status }) => {
    expect(await postBody(target, body)).toBe(status);
  });
});
