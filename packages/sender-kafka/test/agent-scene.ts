/** Agents that send a tree to a broker, and what a consumer of the topic builds. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "../../../test/support/child-process.ts";
import { cliPath } from "../../../test/support/cli-path.ts";
import { readDisk } from "../../../test/support/disk-tree.ts";
import { createTempFolder } from "../../../test/support/temp-tree.ts";
import { compareTrees, describeDifferences } from "../../../test/support/tree-compare.ts";
import { lasting, waitFor } from "../../../test/support/wait-for.ts";
import { readTopic, treeOf } from "./read-topic.ts";

export const SEED = Number(process.env.FUSTOR_TEST_SEED ?? Date.now() % 1_000_000);

export interface AgentOptions {
  readonly root: string;
  readonly uri: string;
  readonly topic: string;
  readonly params?: object;
  readonly sender?: object;
}

const configOf = ({ root, uri, topic, params = {}, sender = {} }: AgentOptions): string =>
  JSON.stringify({
    sources: { s: { driver: "fs", uri: root } },
    senders: {
      k: { driver: "kafka", uri, driver_params: { topic, session_timeout_seconds: 6, ...params }, ...sender },
    },
    pipes: { p: { source: "s", sender: "k" } },
  });

/** `fustor-agent start` with the driver of this checkout. */
export class Agent {
  readonly options: AgentOptions;
  readonly #home = createTempFolder("kafka-home");
  #child: Child | undefined;

  constructor(options: AgentOptions) {
    this.options = options;
    writeFileSync(join(this.#home, "agent-config.yaml"), configOf(options), { mode: 0o600 });
  }

  start(): this {
    const env = { FUSTOR_HOME: this.#home, FUSTOR_CONSOLE_PORT: "0" };
    this.#child = startChild({ command: process.execPath, args: [cliPath(), "start"], env });
    return this;
  }

  output(): string {
    return this.#child?.output() ?? "";
  }

  demandAlive(): void {
    if (this.#child?.exit() !== undefined) throw new Error(`the agent ended:\n${this.output()}`);
  }

  async kill(): Promise<void> {
    this.#child?.signal("SIGKILL");
    await this.#child?.exited;
  }

  async stop(): Promise<number | null> {
    return (await this.#child?.end())?.code ?? null;
  }
}

/** The topic, read from its start, is what `find` prints, and stays so. */
export async function waitUntilEqual(agent: Agent, port: number, what: string): Promise<void> {
  const { root, topic } = agent.options;
  let last = "nothing was read";
  const isEqual = async (): Promise<boolean> => {
    const differences = await readTopic(port, topic)
      .then(({ rows }) => compareTrees(readDisk(root), treeOf(rows)))
      .catch((error: unknown) => String(error));
    last = typeof differences === "string" ? differences : describeDifferences(differences);
    return differences.length === 0;
  };
  const stays = async (): Promise<boolean> => {
    agent.demandAlive();
    if (!(await isEqual())) return false;
    await lasting(300, "late rows may still come");
    return isEqual();
  };
  await waitFor(stays, {
    timeoutMs: 30_000,
    intervalMs: 200,
    what: () => `${what}: ${last}\n${agent.output().slice(-3000)}`,
  });
}
