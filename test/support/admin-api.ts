/** An agent of this process with its admin API on a control socket and on a port, as the command line makes them. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "undici";
import { onTestFinished } from "vitest";
import { keepHistory } from "../../src/admin/history.ts";
import { socketListener } from "../../src/admin/socket-listener.ts";
import type { Agent } from "../../src/agent/agent.ts";
import { createAgent } from "../../src/agent/agent.ts";
import { startControlServer } from "../../src/agent/control/control-server.ts";
import { adminMemory, adminPort } from "../../src/cli/admin-port.ts";
import { laterPlans } from "../../src/cli/start-plan.ts";
import { loadConfig } from "../../src/config/load.ts";
import { selectPipes } from "../../src/config/select.ts";
import { startConsole } from "../../src/console/console-server.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { PATIENCE } from "./patience.ts";

export const TOKEN = "the-token-of-this-run";

export async function freshFolder(): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "fustor-admin-")));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

export interface Asked {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: unknown;
}

export interface AskOptions {
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Stream {
  /** The next event that is no comment. */
  next(): Promise<StreamEvent>;
  close(): void;
  /** Resolves when the agent has ended it. */
  readonly ended: Promise<void>;
}

export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

export interface AdminClient {
  ask(path: string, options?: AskOptions): Promise<Asked>;
  stream(path: string, headers?: Readonly<Record<string, string>>): Promise<Stream>;
}

function clientOf(client: Pool, common: Readonly<Record<string, string>>): AdminClient {
  onTestFinished(() => client.destroy());
  return {
    ask: async (path, { method = "GET", headers, body } = {}) => {
      const answer = await client.request({ path, method, headers: { ...common, ...headers }, body: body ?? null });
      const text = await answer.body.text();
      const isJson = String(answer.headers["content-type"]).startsWith("application/json");
      return { status: answer.statusCode, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
    },
    stream: async (path, headers) => {
      const abort = new AbortController();
      onTestFinished(() => abort.abort());
      const { signal } = abort;
      const { body, statusCode } = await client.request({
        path,
        method: "GET",
        headers: { ...common, ...headers },
        signal,
      });
      if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${await body.text()}`);
      return streamOf(body, abort);
    },
  };
}

const BOUND_MS = 20_000 * PATIENCE;

function streamOf(body: AsyncIterable<Buffer>, abort: AbortController): Stream {
  const events: StreamEvent[] = [];
  const waiting: ((event: StreamEvent) => void)[] = [];
  const give = (event: StreamEvent): void => {
    const first = waiting.shift();
    if (first === undefined) events.push(event);
    else first(event);
  };
  const ended = readAll(body, give).catch(() => undefined);
  return {
    ended,
    close: () => abort.abort(),
    next: () => {
      const ready = events.shift();
      if (ready !== undefined) return Promise.resolve(ready);
      const late = AbortSignal.timeout(BOUND_MS);
      return new Promise((resolve, reject) => {
        waiting.push(resolve);
        late.addEventListener("abort", () => reject(new Error(`no event within ${BOUND_MS} ms`)));
      });
    },
  };
}

async function readAll(body: AsyncIterable<Buffer>, give: (event: StreamEvent) => void): Promise<void> {
  let rest = "";
  for await (const part of body) {
    const blocks = (rest + part.toString("utf8")).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const line = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const event = line("event");
      if (event !== undefined) give({ id: line("id"), event, data: JSON.parse(line("data") ?? "{}") });
    }
  }
}

export interface AdminScene {
  readonly home: string;
  readonly root: string;
  readonly agent: Agent;
  /** Over the control socket. */
  readonly socket: AdminClient;
  /** Over the port, with the token. */
  readonly port: AdminClient;
  /** Over the port, without it. */
  readonly stranger: AdminClient;
  readonly url: URL;
  readonly stops: () => number;
  /** Writes another configuration. */
  configure(yaml: string): Promise<void>;
}

export const echoConfig = (root: string): string => `
sources: [{id: s1, type: fs, config: {uri: ${JSON.stringify(root)}}}]
senders: [{id: e, type: echo, config: {}}]
pipes: [{id: p1, source_id: s1, sender_id: e, enabled: true}]
`;

export interface SceneOptions {
  readonly yaml?: (root: string) => string;
  readonly host?: string;
  /** The pipes that the start names. Default: none, so that every enabled one runs. */
  readonly names?: readonly string[];
}

export async function adminScene({
  yaml = echoConfig,
  host = "localhost",
  names = [],
}: SceneOptions = {}): Promise<AdminScene> {
  const [home, root] = [await freshFolder(), await freshFolder()];
  await mkdir(join(root, "d"));
  const configure = (text: string): Promise<void> => writeFile(join(home, "agent-config.yaml"), text, { mode: 0o600 });
  await configure(yaml(root));
  const config = await loadConfig({ env: { FUSTOR_HOME: home }, cwd: home });
  const memory = adminMemory();
  const logger = createLogger({ level: "debug", onLine: (line) => memory.journal.append("log", line.trimEnd()) });
  const { observer } = memory;
  const agent = await createAgent({ config, pipes: selectPipes(config, names).selected, logger, observer });
  onTestFinished(() => agent.stop(0));
  let stops = 0;
  const plans = laterPlans(config, names);
  const admin = adminPort({ agent, memory, logger, config, drainMs: 1000, ...plans, requestStop: () => stops++ });
  const control = await startControlServer(home, socketListener({ port: admin, logger }));
  onTestFinished(() => control.close());
  const place = { host, port: 0 };
  const page = await startConsole({ place, token: TOKEN, maxBacklogAgeMs: 60_000, admin, logger });
  onTestFinished(() => page.close());
  await agent.start();
  onTestFinished(keepHistory(memory.history, admin.status));
  const url = new URL(page.state.state === "listening" ? page.state.url : "");
  const bearer = { authorization: `Bearer ${TOKEN}` };
  return {
    ...{ home, root, agent, url, configure },
    stops: () => stops,
    socket: clientOf(new Pool("http://localhost", { socketPath: control.path, connections: 8 }), {}),
    port: clientOf(new Pool(url.origin, { connections: 8 }), bearer),
    stranger: clientOf(new Pool(url.origin, { connections: 8 }), {}),
  };
}
