/**
 * The scenarios that are played over HTTP, over gRPC: agent and Fusion are processes of their own, and in the end the view
 * is what `find` prints. Some of them here, all with FUSTOR_GRPC_SCENARIOS=all (`npm run soak`).
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "vitest";
import { createOurAgent, type OurAgentProcess } from "../../../test/support/agent-process.ts";
import { embeddedFusionCommand } from "../../../test/support/embedded-fusion.ts";
import { freePorts } from "../../../test/support/free-ports.ts";
import { createFusionSeats, type FusionOptions, type FusionProcess } from "../../../test/support/fusion-process.ts";
import { type Cast, judge, type Scenario } from "../../../test/support/scenario.ts";
import { scenarios } from "../../../test/support/scenarios.ts";
import { createTempFolder, growTree } from "../../../test/support/temp-tree.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { tlsFile } from "./fixture.ts";

const TLS = `{cert_file: ${tlsFile("server.pem")}, key_file: ${tlsFile("server.key")}}`;

/** Agents have the receiver over gRPC, with TLS; strangers of the scenarios the one over HTTP of the same Fusion. */
function castOf(): Cast<OurAgentProcess> {
  const addresses = new Map<string, string>();
  return {
    async fusion(options: FusionOptions = {}): Promise<FusionProcess> {
      const home = createTempFolder("grpc-fusion");
      const [fusion] = await createFusionSeats(embeddedFusionCommand(), [options], { home, endsWithTest: true });
      if (fusion === undefined) throw new Error("unreachable: there is one seat for each option");
      const [port] = await freePorts(1);
      const { pushKey, pipeId, url } = fusion.receiver;
      const yaml = `receivers:
  grpc: {driver: grpc, port: ${port}, driver_params: ${TLS}, api_keys: [{key: ${pushKey}, pipe_id: ${pipeId}}]}
`;
      writeFileSync(join(home, "fusion-config/grpc.yaml"), yaml, { mode: 0o600 });
      addresses.set(url, `grpcs://127.0.0.1:${port}`);
      return fusion;
    },
    agent({ receiver, ...task }) {
      const url = addresses.get(receiver.url) ?? "";
      const driver_params = { ca_file: tlsFile("ca.pem") };
      return createOurAgent({ ...task, receiver: { ...receiver, url }, sender: { driver: "grpc", driver_params } });
    },
  };
}

const onDemand: Scenario = {
  name: "a scan that Fusion asks for is done, and says so",
  prepare: ({ shell }) => shell("mkdir -p d/e; touch d/1 d/e/2"),
  async act({ fusion: { viewUrl, viewKey } }) {
    const headers = { "X-API-Key": viewKey };
    const views = `${viewUrl}/api/v1/views/unified-view`;
    await (await fetch(`${views}/tree?path=/d&on_demand_scan=true`, { headers })).text();
    const isDone = async (): Promise<boolean> => {
      const text = await (await fetch(`${views}/jobs`, { headers })).text();
      return /"status":\s*"(completed|COMPLETED)"/.test(text);
    };
    await waitFor(isDone, { timeoutMs: 40_000, what: "the job is complete" });
  },
  fusion: { sessionTimeoutSeconds: 3 },
};

/** These with a small tree, which is enough for them. */
const CHOSEN =
  /^(of two agents the leader is killed|Fusion is killed and starts again with nothing|the agent is killed under load|what somebody else put)/;
const small: Pick<Scenario, "prepare"> = {
  prepare: ({ root }) => {
    growTree(`${root}/grown`, { seed: 29, files: 300, filesPerDirectory: 6 });
  },
};
const played =
  process.env.FUSTOR_GRPC_SCENARIOS === "all"
    ? [...scenarios, onDemand]
    : [...scenarios.filter(({ name }) => CHOSEN.test(name)).map((scenario) => ({ ...scenario, ...small })), onDemand];

describe("over gRPC with TLS the view equals the disk", () => {
  for (const scenario of played) test(scenario.name, () => judge(scenario, castOf()));
});
