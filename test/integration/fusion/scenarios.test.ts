/**
 * The scenarios against the embedded Fusion. With FUSTOR_TEST_FUSION_VIEWS and FUSTOR_TEST_FUSION_RECEIVER (base URLs of a
 * Fusion that was started with SCENARIO_CONFIG) they run against that one as well.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedFusion, startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { parseFusionConfig } from "../../../src/fusion/fusion-config.ts";
import { silentLogger } from "../../../src/sdk/observer.ts";
import { runScenario, type ScenarioTarget } from "./run-scenario.ts";
import { INGEST_BODIES, SCENARIO_CONFIG, SCENARIOS } from "./scenarios.ts";

async function postBody(target: ScenarioTarget, body: unknown): Promise<number> {
  const base = `${target.receiverUrl}/api/v1/pipe`;
  const headers = { "content-type": "application/json", "x-api-key": "push-key" };
  const opened = await fetch(`${base}/session/`, {
    method: "POST",
    headers,
    body: JSON.stringify({ task_id: "bodies" }),
  });
  const { session_id: id } = (await opened.json()) as { session_id: string };
  const answer = await fetch(`${base}/ingest/${id}/events`, { method: "POST", headers, body: JSON.stringify(body) });
  await answer.text();
  await fetch(`${base}/session/${id}`, { method: "DELETE", headers });
  return answer.status;
}

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

const { FUSTOR_TEST_FUSION_VIEWS: viewUrl, FUSTOR_TEST_FUSION_RECEIVER: receiverUrl } = process.env;

describe.runIf(viewUrl !== undefined && receiverUrl !== undefined)("a Fusion elsewhere", () => {
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const target: ScenarioTarget = {
    viewUrl: viewUrl ?? "",
    receiverUrl: receiverUrl ?? "",
    now: () => Date.now() / 1000,
    wait: (seconds) => pause(seconds * 1000),
    // It answers before it has digested its queue and offers no way to ask.
    settle: () => pause(250),
  };

  for (const scenario of SCENARIOS) {
    it.skipIf(scenario.embeddedOnly !== undefined)(scenario.name, () => runScenario(target, scenario));
  }
  it.each(INGEST_BODIES)("answers $status to an ingest body with $name", async ({ body, status }) => {
    expect(await postBody(target, body)).toBe(status);
  });
});
