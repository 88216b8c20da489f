/** What becomes of audits when something comes between: nothing that exists is ever deleted, what does not exist goes. */
import { expect, test } from "vitest";
import type { SeenRequest } from "../../support/fault-rules.ts";
import { type FaultStage, withFaults } from "../../support/fault-stage.ts";
import { startUnrest } from "../../support/random-operations.ts";
import { sayAsStranger } from "../../support/stranger.ts";
import { growTree } from "../../support/temp-tree.ts";
import { staysTrue, waitFor } from "../../support/wait-for.ts";

const audited = {
  prepare: ({ root }: { readonly root: string }) => growTree(`${root}/grown`, { seed: 31, files: 300 }),
  fusion: { sessionTimeoutSeconds: 2, auditIntervalSeconds: 1 },
  sender: { batch_size: 5, event_rows: 10, timeout_sec: 1 },
};
/** Of the tree above, the root and `grown` included. */
const DIRECTORIES = 17;

const isAudit = ({ kind, status }: SeenRequest): boolean =>
  (kind === "audit" || kind === "audit_end") && status === 200;

/** Paths of each audit that was ended, in the order in which they were taken; one that was cut short counts for the next. */
function endedAudits({ receiver }: FaultStage): string[][] {
  const audits: string[][] = [];
  let paths: string[] = [];
  for (const request of receiver.seen.filter(isAudit)) {
    paths.push(...request.upserted);
    if (request.kind !== "audit_end") continue;
    audits.push(paths);
    paths = [];
  }
  return audits;
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

function expectComplete(audit: readonly string[] | undefined): void {
  const seen = new Set(audit);
  const directories = [...seen].filter((path) => path === "/" || [...seen].some((other) => parentOf(other) === path));
  expect(directories.length).toBeGreaterThanOrEqual(DIRECTORIES - 2);
}

const untilAudits = (stage: FaultStage, count: number): Promise<unknown> =>
  waitFor(() => endedAudits(stage).length >= count, { timeoutMs: 20_000, what: `${count} audits` });

test("an audit sends each directory before what lies in it, and everything before its end", () =>
  withFaults(audited, async (stage) => {
    await untilAudits(stage, 1);
    const audit = endedAudits(stage)[0] ?? [];
    expectComplete(audit);
    const known = new Set<string>(["/"]);
    for (const path of audit) {
      expect(known).toContain(parentOf(path));
      known.add(path);
    }
  }));

test("batches of an audit that fail are sent again before its end", () =>
  withFaults(audited, async (stage) => {
    const { receiver } = stage;
    receiver.rule({ on: "audit", skip: 1, fault: { kind: "answer", status: 500 } });
    receiver.rule({ on: "audit", skip: 3, fault: { kind: "lost_answer" } });
    receiver.rule({ on: "audit_end", fault: { kind: "answer", status: 503 } });
    await untilAudits(stage, 2);
    for (const audit of endedAudits(stage)) expectComplete(audit);
    await stage.settle();
  }));

test("an audit with a batch that is never taken has no end", () =>
  withFaults(audited, async (stage) => {
    const { receiver } = stage;
    const rule = receiver.rule({ on: "audit", skip: 2, times: 1000, fault: { kind: "answer", status: 500 } });
    await rule.struck();
    const before = receiver.seen.length;
    const noEnd = (): boolean => receiver.seen.slice(before).every(({ kind }) => kind !== "audit_end");
    await staysTrue(noEnd, { forMs: 2500, what: "the audit has no end" });
    rule.disarm();
    await untilAudits(stage, 1);
    await stage.settle();
  }));

test("an audit whose session is lost, or whose agent stops to lead, in the middle has no end", () =>
  withFaults(audited, async (stage) => {
    const { receiver, root, outside } = stage;
    const unrest = startUnrest({ root, outside, seed: 37 });
    const lost = receiver.rule({ on: "audit", skip: 2, fault: { kind: "session_lost", status: 419 } });
    await lost.struck();
    const demote = (answer: Record<string, unknown>) => ({ ...answer, role: "follower" });
    const demoted = receiver.rule({ on: "heartbeat", times: 3, fault: { kind: "edit", edit: demote } });
    const slow = receiver.rule({ on: "audit", times: 1000, fault: { kind: "slow_answer", ms: 300 } });
    await demoted.struck(3);
    slow.disarm();
    await unrest.stop();
    await untilAudits(stage, 2);
    for (const audit of endedAudits(stage)) expectComplete(audit);
    await stage.settle();
  }));

test("what stands in the view and nowhere else is gone after an audit", () =>
  withFaults(audited, async (stage) => {
    await sayAsStranger(stage.fusion.receiver, { files: ["/grown/ghost", "/ghost/of/a/directory"] });
    await stage.settle();
  }));
