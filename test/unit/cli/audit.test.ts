import { Writable } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import { socketListener } from "../../../src/admin/socket-listener.ts";
import type { AgentStatus } from "../../../src/agent/agent-status.ts";
import { startControlServer } from "../../../src/agent/control/control-server.ts";
import { audit } from "../../../src/cli/commands/audit.ts";
import { Terminal } from "../../../src/cli/terminal.ts";
import { type EndedSweep, type SweepFacts, silentLogger } from "../../../src/sdk/index.ts";
import { adminPortWith } from "../../support/admin-port.ts";
import { freshFolder } from "../agent/folder.ts";

const CLEAN: EndedSweep = {
  mode: "hash",
  outcome: "complete",
  looked: 2,
  readBytes: 10,
  skipped: 0,
  corrupted: 0,
  corruptedPaths: [],
  elapsedMs: 5,
  verdicts: { hashed: 2 },
};

/** What `audit p --wait` says, and its exit code, when an agent's sweep ended so. */
async function auditAfter(sweep: Partial<SweepFacts>) {
  const home = await freshFolder();
  const facts = { state: "idle", number: 2, corrupted: 0, corruptedPaths: [], ...sweep };
  const status = { pipes: [{ id: "p", source: "s" }], sources: [{ ids: ["s"], status: { sweep: facts } }] };
  const port = adminPortWith({ status: () => status as unknown as AgentStatus, sweepSource: () => true });
  const server = await startControlServer(home, socketListener({ port, logger: silentLogger }));
  onTestFinished(() => server.close());
  vi.stubEnv("FUSTOR_HOME", home);
  onTestFinished(() => void vi.unstubAllEnvs());
  let said = "";
  const out = new Writable({
    write(chunk, _encoding, done) {
      said += String(chunk);
      done();
    },
  });
  const code = await audit("p", { wait: true }, new Terminal(out, out));
  return { code, said };
}

test("a sweep that found nothing ends with 0 also when an earlier one of this run found a rotten file", async () => {
  const { code, said } = await auditAfter({ corrupted: 3, corruptedPaths: ["/old"], last: CLEAN });
  expect(code).toBe(0);
  expect(said).not.toContain("/old");
});

test("a sweep that found a rotten file, or did not see everything, ends with 1", async () => {
  const rotten = { ...CLEAN, corrupted: 1, corruptedPaths: ["/new"] };
  const { code, said } = await auditAfter({ corrupted: 4, corruptedPaths: ["/new", "/old"], last: rotten });
  expect(code).toBe(1);
  expect(said).toContain("other contents under unchanged times: /new\n");
  expect((await auditAfter({ last: { ...CLEAN, skipped: 1 } })).code).toBe(1);
  expect((await auditAfter({ last: { ...CLEAN, outcome: "cut short" } })).code).toBe(1);
});
