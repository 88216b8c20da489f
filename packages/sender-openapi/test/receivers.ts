/** The receivers of examples/ as processes, agents that send to them, and the picture that they hold. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Row } from "fustor-agent/sdk";
import { type Child, startChild } from "../../../test/support/child-process.ts";
import { cliPath } from "../../../test/support/cli-path.ts";
import { readDisk, type Tree } from "../../../test/support/disk-tree.ts";
import { PATIENCE } from "../../../test/support/patience.ts";
import { createTempFolder } from "../../../test/support/temp-tree.ts";
import { compareTrees, describeDifferences } from "../../../test/support/tree-compare.ts";
import { lasting, waitFor } from "../../../test/support/wait-for.ts";

const EXAMPLES = resolve(import.meta.dirname, "../../../examples");

export const RECEIVERS = {
  "receiver.mjs": [process.execPath, join(EXAMPLES, "receiver/receiver.mjs")],
  "receiver.py": ["python3", join(EXAMPLES, "receiver/receiver.py")],
} as const;

export type ReceiverName = keyof typeof RECEIVERS;

export class Receiver {
  readonly #name: ReceiverName;
  #child: Child | undefined;
  #port = 0;

  constructor(name: ReceiverName) {
    this.#name = name;
  }

  get uri(): string {
    return `http://127.0.0.1:${this.#port}/openapi.json`;
  }

  /** On the same port as before, when it ran before. */
  async start(): Promise<this> {
    const [command, script] = RECEIVERS[this.#name];
    const child = startChild({ command, args: [script, String(this.#port)] });
    this.#child = child;
    const listening = () => /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(child.output())?.[1];
    this.#port = Number(await waitFor(listening, { timeoutMs: 20_000, what: () => `a receiver: ${child.output()}` }));
    return this;
  }

  async kill(): Promise<void> {
    this.#child?.signal("SIGKILL");
    await this.#child?.exited;
  }

  async get(path: string): Promise<string> {
    const answer = await fetch(new URL(path, this.uri), { signal: AbortSignal.timeout(10_000 * PATIENCE) });
    return answer.text();
  }

  async picture(): Promise<Tree> {
    const rows = (await this.get("/tree"))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Row);
    return new Map(
      rows.map(({ path, is_directory, size, modified_time, created_time }) => [
        String(path),
        {
          kind: is_directory === true ? "directory" : "file",
          size: Number(size),
          mtime: Number(modified_time),
          ctime: Number(created_time),
        },
      ]),
    );
  }
}

/** The picture is what `find` prints, and stays so. */
export async function waitUntilEqual({ receiver, root, agent }: Scene, what: string): Promise<void> {
  let last = "nothing was read";
  const isEqual = async (): Promise<boolean> => {
    const differences = await receiver
      .picture()
      .then((picture) => compareTrees(readDisk(root), picture))
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
  await waitFor(stays, { timeoutMs: 40_000, what: () => `${what}: ${last}` });
}

export interface Scene {
  readonly receiver: Receiver;
  readonly root: string;
  readonly agent: Agent;
}

export interface AgentOptions {
  readonly root: string;
  readonly uri: string;
  readonly sender?: object;
}

/** Its configuration. A session ends soon without heartbeats, so that a receiver that forgot is heard of soon. */
export const agentTo = ({ root, uri, sender = {} }: AgentOptions): string =>
  JSON.stringify({
    sources: { s: { driver: "fs", uri: root } },
    senders: { o: { driver: "openapi", uri, driver_params: { session_timeout_seconds: 3 }, ...sender } },
    pipes: { p: { source: "s", sender: "o" } },
  });

/** `fustor-agent start` with the driver of this checkout. */
export class Agent {
  readonly #home = createTempFolder("openapi-home");
  #child: Child | undefined;

  constructor(config: string) {
    writeFileSync(join(this.#home, "agent-config.yaml"), config, { mode: 0o600 });
  }

  start(): this {
    const env = { FUSTOR_HOME: this.#home, FUSTOR_CONSOLE_PORT: "0" };
    this.#child = startChild({ command: process.execPath, args: [cliPath(), "start"], env });
    return this;
  }

  demandAlive(): void {
    if (this.#child?.exit() !== undefined) throw new Error(`the agent ended:\n${this.#child.output()}`);
  }

  async kill(): Promise<void> {
    this.#child?.signal("SIGKILL");
    await this.#child?.exited;
  }

  async stop(): Promise<number | null> {
    return (await this.#child?.end())?.code ?? null;
  }
}
