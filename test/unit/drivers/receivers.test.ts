/** Receiver drivers of the embedded Fusion: which package is found, and what is said when none can be used. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { distrustOfPath } from "../../../src/config/trusted-files.ts";
import { loadReceivers } from "../../../src/drivers/receivers.ts";
import { startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { parseFusionConfig } from "../../../src/fusion/fusion-config.ts";
import { silentLogger } from "../../../src/sdk/index.ts";
import { sourceCode, writeFiles, writePackage } from "../../support/driver-package.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";

let home: string;
let modules: string;
let agentFolder: string;

beforeEach(() => {
  home = createTempFolder("receivers-home");
  modules = join(home, "drivers/node_modules");
  agentFolder = join(createTempFolder("receivers-agent"), "node_modules/fustor-agent");
  mkdirSync(modules, { recursive: true });
  mkdirSync(agentFolder, { recursive: true });
});
afterEach(removeTempFolders);

const load = (...names: string[]) => loadReceivers(names, { home, agentFolder, distrust: distrustOfPath });

const complaintOf = async (name: string): Promise<string> =>
  load(name).then(
    () => "it is there",
    (error: Error) => error.message,
  );

const ZOD = import.meta.resolve("zod");

const receiverCode = (members = ""): string => `
import { z } from ${JSON.stringify(ZOD)};
export default {
  kind: "receiver", name: "tin-can",
  schema: z.object({ string: z.number({ error: "is no length; write metres" }).optional() }),
  open: async ({ desk, params }) => ({ url: "can://" + desk.maxBodyBytes + "/" + (params.string ?? ""), close: async () => {} }),
  ${members}
};
`;

function writeReceiver(code: string, manifest: object = {}): string {
  const fustor = { receivers: { "tin-can": "./receiver.js", outside: "../x.js" } };
  const name = "fustor-source-demo";
  const folder = writePackage(modules, { name, code: sourceCode("demo"), manifest: { fustor, ...manifest } });
  writeFiles(folder, { "receiver.js": code });
  return folder;
}

const fusionWith = (params: string) =>
  parseFusionConfig([
    {
      file: "fusion.yaml",
      text: `
port: 0
receivers: {in: {driver: tin-can, max_body_bytes: 5000, driver_params: ${params}}}
views: {v: {}}
pipes: {p: {receiver: in, views: [v]}}
`,
    },
  ]);

it("a receiver of a package is opened with its parameters, beside the views", async () => {
  writeReceiver(receiverCode());
  const receivers = await load("tin-can", "tin-can");
  const fusion = await startEmbeddedFusion({ config: fusionWith("{string: 7}"), logger: silentLogger, receivers });
  expect(fusion.receiverUrls.get("in")).toBe("can://5000/7");
  await fusion.stop();
  const wrong = startEmbeddedFusion({ config: fusionWith("{string: x}"), logger: silentLogger, receivers });
  await expect(wrong).rejects.toThrow("receivers.in.driver_params.string: is no length; write metres");
  const none = startEmbeddedFusion({ config: fusionWith("{}"), logger: silentLogger });
  await expect(none).rejects.toThrow('receivers.in.driver: there is no receiver driver "tin-can"');
});

it("says which drivers there are, which one may be meant, and ignores modules outside of the package", async () => {
  expect(await complaintOf("tin-can")).toContain(
    "write one of http, or add its package with `fustor-agent drivers add`",
  );
  writeReceiver(receiverCode());
  expect(await complaintOf("tin-cam")).toBe('there is no receiver driver "tin-cam", did you mean "tin-can"?');
  expect(await complaintOf("outside")).toContain('there is no receiver driver "outside"');
});

it.each([
  [receiverCode('name: "other"'), 'exports no receiver driver "tin-can" as default'],
  ["throw new Error('no string')", "no string"],
])("says what is wrong with a module", async (code, what) => {
  writeReceiver(code);
  expect(await complaintOf("tin-can")).toContain(what);
});

it("loads no package that others may write, or that is for another agent", async () => {
  const folder = writeReceiver(receiverCode(), { peerDependencies: { "fustor-agent": ">=99" } });
  expect(await complaintOf("tin-can")).toContain("install a version of it that is made for this one");
  chmodSync(join(folder, "receiver.js"), 0o666);
  expect(await complaintOf("tin-can")).toMatch(/is not loaded: .*receiver\.js/);
});
