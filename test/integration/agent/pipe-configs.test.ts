/** Pipes that a program adds, changes and removes while its agent runs. */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test } from "vitest";
import {
  type Agent,
  createAgent,
  createPipeConfigService,
  DriverRegistry,
  knownDrivers,
  loadConfig,
  type PipeConfigService,
  selectPipes,
  silentLogger,
} from "../../../src/index.ts";
import { sourceModule, z } from "../../../src/sdk/kit.ts";
import { MemorySource, MemoryWorld } from "../../support/memory-source.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

afterEach(removeTempFolders);

/** Written by a person, with a comment that must stay. */
const BY_HAND = `# mine
senders:
  fusion-main: {driver: echo}
sources:
  data: {driver: custom, uri: "custom://data"}
pipes:
  first: {source: data, sender: fusion-main}
`;

const drivers = new DriverRegistry([
  ...knownDrivers.modules,
  sourceModule({
    kind: "source",
    name: "custom",
    aliases: [],
    schema: z.object({ interval_sec: z.number({ error: "is no number; write seconds" }).default(1) }),
    create: async () => new MemorySource(new MemoryWorld()),
  }),
]);

interface Scene {
  readonly home: string;
  readonly agent: Agent;
  readonly service: PipeConfigService;
  /** Of the agent's own file; undefined when there is none. */
  written(): Promise<string | undefined>;
  /** The ids of the pipes with the state of each. */
  states(): Readonly<Record<string, string>>;
  complete(pipe: string): Promise<unknown>;
  /** Another agent of the same home. */
  again(): Promise<Scene>;
}

async function scene(home = createTempFolder("pipe-configs")): Promise<Scene> {
  await writeFile(join(home, "agent-config.yaml"), BY_HAND, { mode: 0o600 });
  const load = { env: { FUSTOR_HOME: home }, cwd: home, drivers };
  const config = await loadConfig(load);
  const agent = await createAgent({ config, pipes: selectPipes(config, []).selected, logger: silentLogger });
  onTestFinished(() => agent.stop(0));
  await agent.start();
  const { pipes } = agent.status();
  expect(pipes.filter(({ state }) => state === "failed")).toEqual([]);
  const pipe = (id: string) => agent.status().pipes.find((each) => each.id === id);
  const complete = (id: string): Promise<unknown> =>
    waitFor(() => pipe(id)?.snapshot === "complete", { timeoutMs: 10_000, what: `the snapshot of ${id}` });
  await complete("first");
  return {
    home,
    agent,
    complete,
    service: createPipeConfigService({ agent, load, drainMs: 1000 }),
    written: () => readFile(join(home, "agent-config.runtime.yaml"), "utf8").catch(() => undefined),
    states: () => Object.fromEntries(agent.status().pipes.map(({ id, state }) => [id, state])),
    again: async () => {
      await agent.stop(0);
      return scene(home);
    },
  };
}

const problemsOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing is wrong",
    (error: Error) => error.message,
  );

test("a pipe on custom://... is added, changed, switched and deleted, and stays between runs", async () => {
  const first = await scene();
  const added = await first.service.add("stream-1", {
    source_uri: "custom://my-stream",
    sender_id: "fusion-main",
    enabled: true,
  });
  const file = join(first.home, "agent-config.runtime.yaml");
  const started = { pipe: "stream-1", action: "started" };
  expect(added).toMatchObject({ id: "stream-1", file, outcome: { kind: "done" } });
  expect(added.outcome).toMatchObject({ pipes: expect.arrayContaining([expect.objectContaining(started)]) });
  await first.complete("stream-1");
  expect((await stat(file)).mode & 0o777).toBe(0o600);

  const second = await first.again();
  await second.complete("stream-1");
  const own = { interval_sec: 5 };
  await second.service.update("stream-1", { source: { driver_params: own }, audit_interval_sec: 30 });
  await second.service.update("stream-1", { source: { driver: "custom" }, audit_interval_sec: null });
  expect(await second.written()).toContain("interval_sec: 5");
  expect(await second.written()).not.toContain("audit_interval_sec");
  await second.service.disable("stream-1");
  expect(second.states()).toEqual({ first: "running" });
  expect(await second.service.list()).toMatchObject([
    { id: "first", source: "data", changeable: false, file: join(second.home, "agent-config.yaml"), line: 7 },
    { id: "stream-1", source: "stream-1", sender: "fusion-main", enabled: false, changeable: true },
  ]);
  await second.service.enable("stream-1");
  await second.complete("stream-1");
  await second.service.delete("stream-1");
  expect(second.states()).toEqual({ first: "running" });
  expect(await second.written()).toBeUndefined();
  expect(await readFile(join(second.home, "agent-config.yaml"), "utf8")).toBe(BY_HAND);
});

test("what is refused names file, line, key and cure, and changes neither files nor pipes", async () => {
  const { service, home, states, written, complete } = await scene();
  const hand = join(home, "agent-config.yaml");
  const own = join(home, "agent-config.runtime.yaml");
  await service.add("p", { source: "data", sender: "fusion-main" });
  await complete("p");
  const before = [await written(), states()];
  const cases: readonly (readonly [Promise<unknown>, readonly string[]])[] = [
    [service.add("first", { source: "data", sender: "fusion-main" }), [`${hand}:7:3 pipes.first: `, "is taken"]],
    [service.add("p", { source: "data", sender: "fusion-main" }), [`${own}:`, "fustor-agent pipe update p"]],
    [service.update("first", { enabled: false }), [`${hand}:7:3 pipes.first: `, "reload"]],
    [service.delete("first"), [`${hand}:7:3 pipes.first: `, "reload"]],
    [service.delete("frist"), [`did you mean "first"`]],
    [service.add("data", { source_uri: "custom://x", sender: "fusion-main" }), [`${hand}:5:3 sources.data: `]],
    [service.add("q", { source: "dta", sender: "fusion-main" }), [`${own}:`, "pipes.q.source: ", `mean "data"`]],
    [service.add("q", { sender: "fusion-main" }), [`${own}:`, `pipes.q: "source" is missing`]],
    [service.add("q", { source_uri: "stream://x", sender: "fusion-main" }), [`${own}:`, `no source driver "stream"`]],
    [service.add("q", { source: "data", source_uri: "custom://x", sender: "fusion-main" }), ["source and source_uri"]],
    [service.add("a/b", { source: "data", sender: "fusion-main" }), [`${own}:`, "holds a slash"]],
    [
      service.update("p", { source: { driver: "custom", uri: "custom://x", driver_params: { interval_sec: "soon" } } }),
      [`${own}:`, "sources.p.driver_params.interval_sec: is no number, write seconds"],
    ],
  ];
  for (const [work, parts] of cases) {
    const message = await problemsOf(work);
    for (const part of parts) expect(message).toContain(part);
  }
  expect([await written(), states()]).toEqual(before);
});

test("a person who takes an id later is told of both places, and the pipe can still be deleted", async () => {
  const { service, home, written } = await scene();
  await service.add("p", { source: "data", sender: "fusion-main" });
  const taken = `${BY_HAND}  p: {source: data, sender: fusion-main}\n`;
  await writeFile(join(home, "agent-config.yaml"), taken);
  const message = await problemsOf(loadConfig({ env: { FUSTOR_HOME: home }, cwd: home, drivers }));
  expect(message).toContain(
    `${join(home, "agent-config.runtime.yaml")}:4:3 pipes.p: the id "p" is taken by pipes.p at`,
  );
  expect(message).toContain(`${join(home, "agent-config.yaml")}:8:3, rename that one and reload`);
  expect(message).toContain("fustor-agent pipe delete p");
  expect(await problemsOf(service.delete("p"))).toBe("nothing is wrong");
  expect(await written()).toBeUndefined();
});

test("the last pipe of a running agent stays", async () => {
  const { service, home } = await scene();
  await service.add("p", { source: "data", sender: "fusion-main" });
  await writeFile(join(home, "agent-config.yaml"), BY_HAND.split("pipes:")[0] ?? "");
  expect(await problemsOf(service.delete("p"))).toContain("fustor-agent pipe disable p");
});

test("changes of two services at once all stay", async () => {
  const { service, home } = await scene();
  const elsewhere = createPipeConfigService({ load: { env: { FUSTOR_HOME: home }, cwd: home, drivers } });
  const ids = Array.from({ length: 6 }, (_, at) => `p${at}`);
  const entry = { source: "data", sender: "fusion-main", enabled: false };
  await Promise.all(ids.map((id, at) => (at % 2 === 0 ? service : elsewhere).add(id, entry)));
  expect((await service.list()).map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
  expect((await readdir(home)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});
