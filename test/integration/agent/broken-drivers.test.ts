/** Installed drivers that break their contract, beside a pipe that has nothing to do with them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createAgent, loadConfig, selectPipes } from "../../../src/index.ts";
import { sourceCode, writeFiles, writePackage } from "../../support/driver-package.ts";
import { createRecordingLogger } from "../../support/recording-logger.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

afterEach(removeTempFolders);

const flood = `getMessageIterator: () => ({ positionLost: true, batches: (async function* () {
  for (let at = 0; ; at++) yield { changes: [{ op: "insert", key: "/" + at % 9, row: { path: "/" + at % 9 }, sequence: at, isContainer: false }], sizeBytes: 20, lagMs: 0 };
})() }),`;

/** By name: what is wrong with the driver, and what its pipe says. */
const BROKEN: Readonly<Record<string, readonly [members: string, reason: RegExp]>> = {
  rejects: [`open: () => Promise.reject("no"),`, /open threw something that is no error: no/],
  throws: [
    `getSnapshotIterator: () => { throw new Error("out of luck"); },`,
    /getSnapshotIterator failed.*out of luck/,
  ],
  ends: ["getMessageIterator: () => ({ positionLost: true, batches: (async function* () {})() }),", /ended although/],
  rubbish: [
    "getSnapshotIterator: () => ({ chunks: (async function* () { yield { rowCount: 5 }; })(), progress: () => 7 }),",
    /is no Uint8Array/,
  ],
  mute: [`status: () => { throw new Error("no status"); },`, /status failed.*no status/],
};

test("a broken driver takes down its own pipe and nothing else, and is named", async () => {
  const home = createTempFolder("broken-drivers");
  const root = createTempFolder("healthy");
  mkdirSync(join(root, "d"));
  const names = [...Object.keys(BROKEN), "floods"];
  for (const name of names) {
    const code = sourceCode(name, "", name === "floods" ? flood : BROKEN[name]?.[0]);
    writePackage(join(home, "drivers/node_modules"), { name: `fustor-source-${name}`, code });
  }
  const config = {
    sources: {
      healthy: { driver: "fs", uri: root },
      ...Object.fromEntries(names.map((driver) => [driver, { driver, uri: "x" }])),
    },
    senders: { e: { driver: "echo" } },
    pipes: Object.fromEntries(["healthy", ...names].map((source) => [source, { source, sender: "e" }])),
  };
  writeFiles(home, { "agent-config.yaml": JSON.stringify(config) });
  const loaded = await loadConfig({ env: { FUSTOR_HOME: home }, cwd: home });
  const logger = createRecordingLogger();
  const agent = await createAgent({ config: loaded, pipes: selectPipes(loaded, []).selected, logger });
  try {
    const report = await agent.start();
    expect(report.failed).toEqual([{ pipe: "rejects", reason: expect.stringMatching(BROKEN.rejects?.[1] ?? /^$/) }]);
    const healthy = () => agent.status().pipes.find(({ id }) => id === "healthy");
    await waitFor(() => healthy()?.snapshot === "complete", { timeoutMs: 10_000, what: "the healthy snapshot" });
    const said = (): string =>
      JSON.stringify([
        agent.status(),
        logger.entries.filter(({ level }) => level !== "info").map(({ message }) => message),
      ]);
    for (const [name, [, reason]] of Object.entries(BROKEN)) {
      const isSaid = (): boolean =>
        reason.test(said()) && said().includes(`the source driver ${name} (fustor-source-${name} 1.2.3)`);
      await waitFor(isSaid, { timeoutMs: 10_000, what: () => `${name} in ${said()}` });
    }
    writeFileSync(join(root, "d", "new"), "");
    const sent = healthy()?.rowsSent;
    await waitFor(() => JSON.stringify(healthy()?.rowsSent) !== JSON.stringify(sent), {
      timeoutMs: 10_000,
      what: "a change",
    });
  } finally {
    await agent.stop(0);
  }
  expect(agent.status()).toMatchObject({ state: "stopped" });
});
