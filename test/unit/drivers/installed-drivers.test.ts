import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { distrustOfPath } from "../../../src/config/trusted-files.ts";
import { listDrivers, withInstalled } from "../../../src/drivers/installed-drivers.ts";
import { loadedCode } from "../../../src/drivers/loaded-code.ts";
import type { DriverName } from "../../../src/drivers/manifest.ts";
import { knownDrivers, unknownDriver } from "../../../src/drivers/registry.ts";
import { silentLogger } from "../../../src/sdk/index.ts";
import { type PackageText, sourceCode, writeFiles, writePackage } from "../../support/driver-package.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";

let home: string;
let modules: string;
/** Where the agent is installed: nothing of this repository's own node_modules counts. */
let agentFolder: string;

beforeEach(() => {
  home = createTempFolder("drivers-home");
  modules = join(home, "drivers/node_modules");
  agentFolder = join(createTempFolder("drivers-agent"), "node_modules/fustor-agent");
  mkdirSync(modules, { recursive: true });
  mkdirSync(agentFolder, { recursive: true });
});
afterEach(removeTempFolders);

const source = (name: string): DriverName => ({ kind: "source", name });

const options = () => ({ home, agentFolder, distrust: distrustOfPath });

const find = (...names: string[]) => withInstalled(names.map(source), options());

/** What a start would say of a source driver. */
async function complaintOf(name: string): Promise<string> {
  const { registry } = await find(name);
  return registry.source(name) === undefined ? unknownDriver(registry, "source", name).join(", ") : "it is there";
}

/** What is said of the driver `demo` of a package in the home. */
function complaintOfDemo(text: Partial<PackageText> = {}): Promise<string> {
  writePackage(modules, { name: "fustor-source-demo", code: sourceCode("demo"), ...text });
  return complaintOf("demo");
}

it.each(["fustor-source-demo", "@acme/fustor-source-demo"])(
  "finds the driver of the package %s by its name",
  async (name) => {
    writePackage(modules, { name, code: sourceCode("demo") });
    const { registry } = await find("demo");
    const driver = await registry
      .requireSource("demo")
      .create({ id: "s", logger: silentLogger }, { uri: "x", params: {}, excludePaths: [] });
    expect(driver.schema).toBe("demo");
    expect(loadedCode().map(({ who }) => who)).toContain(`the source driver demo (${name} 1.2.3)`);
  },
);

it("finds the drivers of a package with any name that says which file holds them", async () => {
  const manifest = { fustor: { drivers: "./index.js" } };
  writePackage(modules, { name: "plenty", manifest, code: sourceCode("one") });
  expect(await complaintOf("one")).toBe("it is there");
});

it("finds every driver of a list, by its aliases as well", async () => {
  const code = sourceCode("one")
    .replace("export default {", "const one = {")
    .concat(`export const drivers = [one, { ...one, name: "two", aliases: ["zwei"] }];`);
  writePackage(modules, { name: "plenty", manifest: { fustor: { drivers: "./index.js" } }, code });
  expect(await Promise.all(["one", "two", "zwei"].map(complaintOf))).toEqual(Array(3).fill("it is there"));
});

it("finds packages beside the agent, in its own folder, and through links", async () => {
  writePackage(join(agentFolder, ".."), { name: "fustor-source-beside", code: sourceCode("beside") });
  writePackage(join(agentFolder, "node_modules"), { name: "fustor-source-inside", code: sourceCode("inside") });
  const elsewhere = writePackage(createTempFolder("linked"), {
    name: "work",
    code: sourceCode("linked"),
    manifest: { name: "fustor-source-linked" },
  });
  symlinkSync(elsewhere, join(modules, "fustor-source-linked"));
  expect(await Promise.all(["beside", "inside", "linked"].map(complaintOf))).toEqual(Array(3).fill("it is there"));
});

it("takes a driver in CommonJS", async () => {
  const code = `exports.drivers = [(() => { ${sourceCode("demo")
    .replace(/import[^;]+;/, "")
    .replace("export default", "return")
    .replace("z.object({})", "{ shape: {}, safeParse: (data) => ({ success: true, data }) }")} })()];`;
  expect(await complaintOfDemo({ manifest: { type: "commonjs" }, code })).toBe("it is there");
});

it("a configuration with the agent's own drivers loads nothing that is installed", async () => {
  writePackage(modules, { name: "fustor-source-demo", code: "throw new Error();" });
  const config = `sources: {s: {driver: fs, uri: ${JSON.stringify(home)}}}
senders: {e: {driver: echo}}
pipes: {p: {source: s, sender: e}}
`;
  writeFiles(home, { "agent-config.yaml": config });
  expect((await loadConfig({ env: { FUSTOR_HOME: home }, cwd: home })).drivers).toBe(knownDrivers);
});

it("runs no code of a package whose drivers nobody names", async () => {
  const marker = join(home, "was-loaded");
  const code = `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(marker)}, "");${sourceCode("demo")}`;
  writePackage(modules, { name: "fustor-source-demo", code });
  writePackage(modules, { name: "fustor-source-other", code: sourceCode("other") });
  await find("other", "fs");
  expect(existsSync(marker)).toBe(false);
  await find("demo");
  expect(existsSync(marker)).toBe(true);
});

it.each([
  [
    "no create",
    sourceCode("demo", "create: undefined,"),
    /fustor-source-demo 1\.2\.3 \(.*index\.js\).*"create" is missing, write a function/,
  ],
  ["no schema", sourceCode("demo", "schema: undefined,"), /"schema" is missing, give it a zod object/],
  ["a schema that is none", sourceCode("demo", "schema: {},"), /"schema" is no schema/],
  [
    "a schema without parameters' names",
    sourceCode("demo", "schema: { safeParse() {} },"),
    /does not name its parameters/,
  ],
  ["no kind", sourceCode("demo", `kind: "sink",`), /"kind" is neither "source" nor "sender"/],
  ["no name", sourceCode("demo", `name: "",`), /"name" is no name/],
  ["a check that is text", sourceCode("demo", `check: "yes",`), /"check" is no function/],
  ["nothing exported", "export const something = 1;", /exports no driver, export one as default/],
  ["text exported", `export default "demo";`, /is no driver, export one made with sourceModule/],
  ["another driver", sourceCode("demon"), /holds no source driver "demo"/],
  ["a throw while it loads", `throw new Error("no luck");`, /cannot be loaded from .*: no luck/],
  ["an import that is not there", `import "nowhere-to-be-found";`, /cannot be loaded.*drivers add/],
])("a package with %s is named with its file and a cure", async (_, code, complaint) => {
  expect(await complaintOfDemo({ code })).toMatch(complaint);
});

it.each([
  [">=9", /is made for fustor-agent >=9, and this is \d/],
  ["soon", /"soon", which is no range of versions/],
  [">=0.1.0", /^it is there$/],
])("a package made for fustor-agent %s is checked", async (range, complaint) => {
  expect(await complaintOfDemo({ manifest: { peerDependencies: { "fustor-agent": range } } })).toMatch(complaint);
});

it("a file outside of the package is not loaded", async () => {
  expect(await complaintOfDemo({ manifest: { fustor: { drivers: "../../elsewhere.js" } } })).toContain(
    "does not say which file holds its drivers",
  );
});

it.each([
  "drivers",
  "drivers/node_modules",
  "drivers/node_modules/fustor-source-demo",
  "drivers/node_modules/fustor-source-demo/index.js",
])("nothing is loaded when every user may write %s of the home", async (path) => {
  writePackage(modules, { name: "fustor-source-demo", code: sourceCode("demo") });
  chmodSync(join(home, path), 0o777);
  expect(await complaintOf("demo")).toMatch(/is not loaded: .* can be written by every user .* chmod go-w/);
});

it.each([
  ["a dependency", "pg"],
  ["the scope of a dependency", "@aws/client"],
  ["a dependency of a dependency", "pg/node_modules/split"],
  ["a dependency that npm put below the package", "fustor-source-demo/node_modules/pg"],
])("nothing is loaded when every user may write the folder of %s", async (what, path) => {
  const folder = writePackage(modules, { name: path, code: "" });
  const open = what.startsWith("the scope") ? join(folder, "..") : folder;
  chmodSync(open, 0o777);
  const complaint = await complaintOfDemo();
  expect(complaint).toContain(`is not loaded: ${open} can be written by every user`);
  chmodSync(open, 0o755);
  expect(await complaintOf("demo")).toBe("it is there");
});

it("a package of drivers that every user may write keeps no other one from being loaded", async () => {
  chmodSync(writePackage(modules, { name: "fustor-source-other", code: sourceCode("other") }), 0o777);
  expect(await complaintOfDemo()).toBe("it is there");
});

it("a package in the home wins over one beside the agent, and it is said", async () => {
  const used = writePackage(modules, { name: "fustor-source-demo", code: sourceCode("demo") });
  const other = writePackage(join(agentFolder, ".."), { name: "fustor-source-demo", code: "throw new Error();" });
  const { registry, remarks } = await find("demo");
  expect(registry.source("demo")).toBeDefined();
  expect(remarks.map(({ what }) => what)).toEqual([
    `the source driver "demo" is in ${used} and in ${other}: the first is used`,
  ]);
});

it("what a package does to the process while it is loaded is undone and said", async () => {
  const before = process.listenerCount("uncaughtException");
  const code = `process.on("uncaughtException", () => {}); process.on("SIGTERM", () => {});${sourceCode("demo")}`;
  writePackage(modules, { name: "fustor-source-demo", code });
  const { registry, remarks } = await find("demo");
  expect(registry.source("demo")).toBeDefined();
  expect(process.listenerCount("uncaughtException")).toBe(before);
  expect(remarks.map(({ what }) => what)).toEqual([
    "the package fustor-source-demo 1.2.3 listened for uncaughtException of the process, which was ended",
    "the package fustor-source-demo 1.2.3 listened for SIGTERM of the process, which was ended",
  ]);
});

it("no package can take the name of a driver that comes with the agent", async () => {
  writePackage(modules, { name: "fustor-source-fs", code: sourceCode("fs") });
  const { registry } = await find("fs");
  expect(registry.modules).toEqual(knownDrivers.modules);
  expect(await complaintOfDemo({ code: sourceCode("demo", `aliases: ["fs"],`) })).toContain("comes with the agent");
});

it("a driver of the home imports the sdk of the agent that runs it", async () => {
  writeFiles(agentFolder, {
    "package.json": `{"name":"fustor-agent","exports":{"./sdk":"./sdk.js"}}`,
    "sdk.js": "export const mark = 'ours';",
  });
  const code = `import { mark } from "fustor-agent/sdk";\nif (mark !== "ours") throw new Error(mark);${sourceCode("demo")}`;
  expect(await complaintOfDemo({ code })).toBe("it is there");
});

it("names of installed drivers are proposed for one with a slip of the finger", async () => {
  writePackage(modules, { name: "fustor-source-postgres", code: sourceCode("postgres") });
  expect(await complaintOf("postgers")).toContain('did you mean "postgres"?');
});

it("a configuration is checked by the schema of an installed driver, made with any zod", async () => {
  const schema = `schema: { shape: { rows: {} }, safeParse: (value) => value.rows > 0
    ? { success: true, data: value }
    : { success: false, error: { issues: [{ path: ["rows"], message: "is not above 0; write 1" }] } } },`;
  writePackage(modules, { name: "fustor-source-demo", code: sourceCode("demo", schema) });
  const load = (params: string) => {
    const config = `sources: {s: {driver: demo, uri: "demo:1", driver_params: ${params}}}
senders: {e: {driver: echo}}
pipes: {p: {source: s, sender: e}}
`;
    writeFiles(home, { "agent-config.yaml": config });
    return loadConfig({ env: { FUSTOR_HOME: home }, cwd: home });
  };
  await expect(load("{rows: 0}")).rejects.toThrow("sources.s.driver_params.rows: is not above 0, write 1");
  await expect(load("{row: 1}")).rejects.toThrow('did you mean "rows"?');
  const config = await load("{rows: 2}");
  expect(config.drivers.source("demo")).toBeDefined();
  expect(readFileSync(join(home, "agent-config.yaml"), "utf8")).toContain("demo");
});

it("lists every driver with where it comes from and why it cannot be used", async () => {
  writePackage(modules, { name: "fustor-source-demo", code: sourceCode("demo") });
  writePackage(modules, { name: "fustor-sender-bad", code: "throw new Error('no luck');" });
  writePackage(join(agentFolder, ".."), { name: "fustor-source-demo", code: sourceCode("demo") });
  const listed = await listDrivers(options());
  expect(listed.filter(({ origin }) => origin === "built in").map(({ name }) => name)).toEqual([
    "fs",
    "fusion",
    "echo",
  ]);
  expect(listed.filter(({ origin }) => origin !== "built in")).toEqual([
    expect.objectContaining({ kind: "sender", name: "bad", trouble: expect.stringContaining("no luck") }),
    {
      kind: "source",
      name: "demo",
      package: "fustor-source-demo",
      version: "1.2.3",
      origin: join(modules, "fustor-source-demo"),
    },
    expect.objectContaining({ name: "demo", trouble: expect.stringContaining("is used") }),
  ]);
});
