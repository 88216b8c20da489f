import fc from "fast-check";
import { expect, it } from "vitest";
import { z } from "zod";
import { DriverRegistry, knownDrivers } from "../../../src/drivers/registry.ts";
import { type DriverParams, type SenderDriver, silentLogger, sourceModule } from "../../../src/sdk/index.ts";
import { EchoSender } from "../../../src/senders/echo/echo-sender.ts";
import { FusionSender } from "../../../src/senders/fusion/fusion-sender.ts";
import { FakeSource } from "../../support/fake-source.ts";
import { configOf, dictForm, errorsOf, read } from "../config/reading.ts";

const context = { id: "s", logger: silentLogger };

function makeSender(name: string, params: DriverParams = {}): Promise<SenderDriver> {
  const module = knownDrivers.requireSender(name);
  return module.create(context, { uri: "http://127.0.0.1:1", timeoutMs: 1000, params: module.schema.parse(params) });
}

it.each([
  ["fusion", FusionSender],
  ["http", FusionSender],
  ["echo", EchoSender],
])("%s makes its driver", async (name, kind) => {
  const sender = await makeSender(name);
  expect(sender).toBeInstanceOf(kind);
  await sender.close();
});

it.each([
  ["kafka", 'there is no sender driver "kafka", write one of fusion, http, echo'],
  ["fusoin", 'there is no sender driver "fusoin", did you mean "fusion"?'],
])("a start with the sender driver %s is refused with what would do", (name, message) => {
  expect(() => knownDrivers.requireSender(name)).toThrow(
    expect.objectContaining({ code: "FUSTOR_DRIVER_UNKNOWN", message }),
  );
});

it("a source and a sender may have one name", () => {
  expect(knownDrivers.source("fusion")).toBeUndefined();
  expect(knownDrivers.sender("fs")).toBeUndefined();
});

it.each([
  ["fusion", { gzip: "always" }],
  ["fusion", { ca_file: 7 }],
  ["echo", { mock_role: "boss" }],
  ["echo", { session_timeout_seconds: 0 }],
])("the configuration refuses driver_params of %s: %j", (driver, params) => {
  const sender = [`uri: http://127.0.0.1:1`, `driver_params: ${JSON.stringify(params)}`];
  const text = dictForm({ sender }).replace("driver: fusion", `driver: ${driver}`);
  expect(errorsOf(text)).toEqual([expect.stringContaining(`driver_params.${Object.keys(params)[0]}: `)]);
});

it("passes the parameters of the echo sender on", async () => {
  const sender = await makeSender("echo", { mock_role: "follower", session_timeout_seconds: 9 });
  const request = { taskId: "t", sourceType: "fs", sourceUri: "/" };
  expect(await sender.createSession(request, { signal: new AbortController().signal })).toMatchObject({
    role: "follower",
    sessionTimeoutMs: 9000,
  });
});

/** Any values for the parameters of a module: mostly wrong, now and then right. */
const valuesFor = (names: readonly string[]): fc.Arbitrary<Record<string, unknown>> =>
  fc.dictionary(
    fc.constantFrom(...names),
    fc.oneof(
      fc.constantFrom(0, 1, 5, 0.5, "7", "yes", "off", true, "auto", "never", "poll", "parcel", "inotify", "idle"),
      fc.constantFrom("full", "message-only", "leader", "none", "http://p:1", "*.tmp", ["a", "b/**"], "best-effort:3"),
      fc.jsonValue({ maxDepth: 1 }),
    ),
    { maxKeys: 5 },
  );

it.each(knownDrivers.modules.map((module) => [module.kind, module.name, module] as const))(
  "whatever the configuration takes for the %s %s makes a driver",
  async (kind, name, module) => {
    const names = Object.keys(module.schema.shape).filter((key) => key !== "ca_file");
    let made = 0;
    await fc.assert(
      fc.asyncProperty(valuesFor(names), async (params) => {
        const line = `driver_params: ${JSON.stringify(params)}`;
        const text = dictForm({ [kind]: [line] }).replace(kind === "source" ? "fs" : "fusion", name);
        const { config } = read(text);
        if (config === undefined) return;
        const [entry] = kind === "source" ? config.sources.values() : config.senders.values();
        if (entry === undefined) throw new Error("no entry");
        const settings = { uri: entry.uri, params: entry.driverParams };
        const driver =
          module.kind === "source"
            ? await module.create(context, { ...settings, excludePaths: [] })
            : await module.create(context, { ...settings, timeoutMs: 1000 });
        await driver.close();
        made++;
      }),
      { numRuns: 300 },
    );
    expect(made).toBeGreaterThan(20);
  },
);

it("a module of anybody's is checked as the built-in ones are, and gets its credential", async () => {
  const seen: unknown[] = [];
  const table = sourceModule({
    kind: "source",
    name: "table",
    aliases: ["rows"],
    rowKey: "id",
    schema: z.object({ batch: z.number({ error: "is no number; write one" }).default(3) }),
    create: async (_, settings) => {
      seen.push(settings);
      return new FakeSource();
    },
  });
  const drivers = new DriverRegistry([...knownDrivers.modules, table]);
  const source = (more: string): string =>
    dictForm({ source: ["uri: db:1", "credential: {user: u, passwd: p}", more] }).replace("driver: fs", "driver: rows");
  const right = configOf(source("max_queue_size: 5"), { drivers }).sources.get("src-1");
  expect(right).toMatchObject({ driver: "rows", uri: "db:1", driverParams: { batch: 3 } });
  expect(errorsOf(source("driver_params: {batch: x}"), { drivers })).toEqual([
    "a.yaml:6:21 sources.src-1.driver_params.batch: is no number, write one",
  ]);
  expect(errorsOf(source("driver_params: {bacth: 1}"), { drivers }).join()).toContain('did you mean "batch"?');
  expect(errorsOf(source("").replace("rows", "tabel"), { drivers }).join()).toContain('did you mean "table"?');
  const credential = { kind: "password", user: "u", password: "p" } as const;
  await drivers.requireSource("rows").create(context, { uri: "db:1", credential, params: {}, excludePaths: [] });
  expect(seen).toEqual([expect.objectContaining({ credential })]);
});
