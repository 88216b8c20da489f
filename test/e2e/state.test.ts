/** What is on the disk after refusals and kills, by real processes. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { SeenRequest } from "../support/fault-rules.ts";
import { withFaults } from "../support/fault-stage.ts";
import { waitFor } from "../support/wait-for.ts";

interface DeadLetter {
  readonly time: string;
  readonly key: string;
  readonly phase: string;
  readonly reason: string;
  readonly row: { readonly path: string; readonly size: number };
}

const deadLetters = (file: string): DeadLetter[] =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as DeadLetter);

interface State {
  readonly pipes: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function stateOf(home: string): State {
  const file = join(home, "state/pipes.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as State) : { pipes: {} };
}

test("a refused row is in the dead-letter file with the receiver's words, and the status tells where", () =>
  withFaults({ startsStill: true }, async ({ receiver, agent, fusion, shell }) => {
    const isBad = ({ upserted }: SeenRequest): boolean => upserted.some((path) => path.endsWith("poison"));
    const body = { detail: "this row is too odd" };
    receiver.rule({ on: "ingest", if: isBad, times: 1000, fault: { kind: "answer", status: 422, body } });
    await shell("echo bad > poison; echo good > beside");
    agent.start();
    await fusion.view.waitUntilOpen(10_000);
    await shell("mkdir live; echo worse > live/poison");
    const status = await agent.waitForStatus(({ pipes }) => (pipes[0]?.poisonRows ?? 0) >= 2);
    const file = status.pipes[0]?.deadLetterFile ?? "";
    const letters = await waitFor(
      () => {
        const found = existsSync(file) ? deadLetters(file) : [];
        // The file in live/ may be told, and refused, a first time before anything was written to it; an audit tells of it, too.
        const whole = ["snapshot /poison 4", "message /live/poison 6"];
        const known = found.map(({ phase, key, row }) => `${phase} ${key} ${row?.size}`);
        return whole.every((wanted) => known.includes(wanted)) && found;
      },
      { timeoutMs: 5000, what: "both rows in the file" },
    );
    expect(file.startsWith(join(agent.home, "dead-letter/"))).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const live = letters.find(({ phase, key }) => phase === "message" && key === "/live/poison");
    expect(live).toMatchObject({ row: { path: "/live/poison" } });
    expect(live?.reason).toContain("this row is too odd");
    expect(letters.find(({ key }) => key === "/poison")).toMatchObject({ row: { path: "/poison", size: 4 } });
  }));

test("session and snapshot of a killed agent are on the disk, and a clean end leaves no session", () =>
  withFaults({}, async ({ agent }) => {
    const memory = () => Object.values(stateOf(agent.home).pipes)[0];
    await waitFor(() => memory()?.snapshotRows !== undefined, { timeoutMs: 10_000, what: "the snapshot on disk" });
    await agent.kill();
    expect(memory()).toMatchObject({ session: expect.any(String), snapshotRows: expect.any(Number) });
    agent.start();
    await agent.waitForStatus(({ pipes }) => pipes[0]?.snapshot === "complete");
    await agent.terminate();
    expect(memory()).not.toHaveProperty("session");
    expect(memory()).toHaveProperty("snapshotRows");
  }));

test.each([
  ["empty", ""],
  ["cut off", '{"version":2,"pip'],
  ["of a later version", '{"version":99,"pipes":{}}'],
  ["binary", "\u0000\u0001\ufffd"],
])("an agent whose state is %s starts all the same and its view becomes equal", (_, damage) =>
  withFaults({}, async ({ agent, settle, shell }) => {
    await agent.kill();
    const file = join(agent.home, "state/pipes.json");
    writeFileSync(file, damage);
    await shell("echo 1 > after");
    agent.start();
    await settle();
    expect(readFileSync(`${file}.bad`, "utf8")).toBe(damage);
    expect(stateOf(agent.home)).toMatchObject({ version: 2 });
  }),
);

test("in message-only mode what stood there before is not sent, the view is open and changes arrive", () =>
  withFaults(
    {
      startsStill: true,
      driverParams: { startup_mode: "message-only" },
      pipe: { audit_interval_sec: 0 },
      fusion: { sessionTimeoutSeconds: 30 },
    },
    async ({ agent, fusion, receiver, shell }) => {
      await shell("echo 1 > before");
      agent.start();
      await fusion.view.waitUntilOpen(10_000);
      await shell("echo 2 > after");
      await receiver.waitForSeen(({ upserted }) => upserted.includes("/after"), "the change");
      expect(receiver.seen.filter(({ kind }) => kind === "snapshot_end")).toHaveLength(1);
      expect(receiver.seen.some(({ upserted }) => upserted.includes("/before"))).toBe(false);
    },
  ));
