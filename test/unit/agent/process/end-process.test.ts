import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../../..");
const LOADER = pathToFileURL(resolve(ROOT, "scripts/load-ts.mjs")).href;
const TRIED = pathToFileURL(resolve(ROOT, "src/agent/process/end-process.ts")).href;

/** Opening a pipe that nobody writes to holds a thread of Node for ever, as a dead server does. */
const SCRIPT = `
  import { open } from "node:fs";
  import { endProcess } from ${JSON.stringify(TRIED)};
  open(process.argv[1], "r", () => undefined);
  setTimeout(() => endProcess(7), 100);
`;

test("the process ends although a thread of Node is held by a file that does not answer", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fustor-end-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const fifo = join(folder, "fifo");
  execFileSync("mkfifo", [fifo]);
  const end = await new Promise<{ code: unknown; killed: boolean }>((done) => {
    const args = ["--import", LOADER, "--input-type=module", "-e", SCRIPT, fifo];
    execFile(process.execPath, args, { timeout: 15_000, killSignal: "SIGKILL" }, (error) =>
      done({ code: error?.code, killed: error?.killed === true }),
    );
  });
  expect(end).toEqual({ code: 7, killed: false });
});
