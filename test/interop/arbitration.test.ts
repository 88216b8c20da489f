/** The scenarios of arbitration against the real Fusion, so that the embedded one and its fakes cannot drift away from it unseen. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postBody, runScenario, type ScenarioTarget } from "../integration/fusion/run-scenario.ts";
import { INGEST_BODIES, SCENARIO_CONFIG, SCENARIOS } from "../integration/fusion/scenarios.ts";
import { type Child, killChildren, startChild } from "../support/child-process.ts";
import { freePorts } from "../support/free-ports.ts";
import { realFusionCommand } from "../support/real-fusion.ts";
import { createTempFolder, removeTempFolders } from "../support/temp-tree.ts";
import { lasting, waitFor } from "../support/wait-for.ts";

const answers = async (url: string, key: string): Promise<boolean> => {
  const answer = await fetch(url, { headers: { "X-API-Key": key } }).catch(() => undefined);
  await answer?.text();
  return answer?.status === 200;
};

describe("the real Fusion", () => {
  let fusion: Child;
  let target: ScenarioTarget;

  beforeAll(async () => {
    const [views = 0, receiver = 0] = await freePorts(2);
    const home = createTempFolder("arbitration");
    mkdirSync(join(home, "fusion-config"));
    const text = SCENARIO_CONFIG.replace("$VIEWS", String(views)).replace("$RECEIVER", String(receiver));
    writeFileSync(join(home, "fusion-config/default.yaml"), text);
    const { command, args } = realFusionCommand();
    fusion = startChild({ command, args, env: { FUSTOR_HOME: home }, cwd: home });
    const [viewUrl, receiverUrl] = [`http://127.0.0.1:${views}`, `http://127.0.0.1:${receiver}`];
    await waitFor(
      async () =>
        (await answers(`${receiverUrl}/api/v1/pipe/session/`, "push-key")) &&
        answers(`${viewUrl}/api/v1/views/unified-view/sessions`, "read-key"),
      { timeoutMs: 60_000, what: () => `the real Fusion answers\n${fusion.output()}` },
    );
    target = {
      viewUrl,
      receiverUrl,
      now: () => Date.now() / 1000,
      wait: (seconds) => lasting(seconds * 1000, "the time of the scenario"),
      settle: () => lasting(250, "Fusion answers before it has digested its queue and offers no way to ask"),
    };
  });
  afterAll(async () => {
    await killChildren();
    removeTempFolders();
  });

  const shared = SCENARIOS.filter(({ embeddedOnly }) => embeddedOnly === undefined);
  for (const scenario of shared) it(scenario.name, () => runScenario(target, scenario));
  it.each(INGEST_BODIES)("answers $status to an ingest body with $name", async ({ body, status }) => {
    expect(await postBody(target, body)).toBe(status);
  });
});
