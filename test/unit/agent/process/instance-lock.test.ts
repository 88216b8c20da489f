import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isPythonAgent } from "../../../../src/agent/identity/python-agent.ts";
import { acquireInstance } from "../../../../src/agent/process/instance-lock.ts";
import { lockFile } from "../../../../src/agent/process/native-lock.ts";
import { freshFolder } from "../folder.ts";

test.each(["ENOLCK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP"])(
  "a home whose file system has no locks (%s) is refused with what to do",
  async (code) => {
    const home = await freshFolder();
    const noLocks = (): never => {
      throw Object.assign(new Error(`${code}: no locks available`), { code });
    };
    await expect(acquireInstance(home, noLocks)).rejects.toMatchObject({
      code: "FUSTOR_HOME_UNUSABLE",
      message: expect.stringMatching(
        /agent\.lock cannot be locked: its file system has no locks \(E[A-Z]+\); set FUSTOR_HOME to a folder on a local disk/,
      ),
    });
    // Nothing of that attempt keeps a home out that has locks by then.
    const held = await acquireInstance(home, lockFile);
    expect(await held.look()).toBe("ours");
    await held.release();
  },
);

test("a home on which the Python agent runs is refused until that has ended, and a number of another process is not", async () => {
  const home = await freshFolder();
  // A process that looks like it: a name for the program, a script as argument.
  const args = [
    "-e",
    "process.stdout.write('up'); setInterval(() => {}, 1000)",
    "--",
    "/opt/venv/bin/fustor-agent",
    "start",
  ];
  const python = spawn(process.execPath, args, { argv0: "/opt/venv/bin/python", stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(python.stdout, "data");
    await writeFile(join(home, "agent.pid"), `${python.pid}`);
    await expect(acquireInstance(home, lockFile)).rejects.toMatchObject({
      code: "FUSTOR_AGENT_RUNNING",
      message: `the Python agent is running on ${home} (PID ${python.pid}): stop it with its own fustor-agent stop`,
    });
  } finally {
    python.kill();
    await once(python, "exit");
  }
  await writeFile(join(home, "agent.pid"), "1");
  const held = await acquireInstance(home, lockFile);
  await held.release();
});

test.each([
  ["/opt/venv/bin/python /opt/venv/bin/fustor-agent start -D", true],
  ["python3.11 fustor-agent start", true],
  ["node /usr/bin/fustor-agent start", false],
  ["python3 /usr/bin/fustor-fusion start", false],
  ["", false],
])("whether %j is the Python agent: %s", (commandLine, wanted) => {
  expect(isPythonAgent(commandLine.split(" "))).toBe(wanted);
});

test("a start that holds the lock for a moment, because the lock file was removed, does not take the home", async () => {
  const home = await freshFolder();
  const held = await acquireInstance(home, lockFile);
  await rm(join(home, "agent.lock"));
  const start = lockFile(join(home, "agent.lock"));
  for (let look = 0; look < 5; look++) expect(await held.look()).toBe("ours");
  start?.unlock();
  expect(await held.look()).toBe("restored");
  await held.release();
});

test("who holds the lock and leaves no record has taken the home at the third look", async () => {
  const home = await freshFolder();
  const held = await acquireInstance(home, lockFile);
  await rm(join(home, "agent.lock"));
  await rm(join(home, "agent.pid"));
  const other = lockFile(join(home, "agent.lock"));
  expect([await held.look(), await held.look(), await held.look()]).toEqual(["ours", "ours", "taken"]);
  other?.unlock();
  await held.release();
});
