import { describe, expect, it } from "vitest";
import type { ReceivedEnvelope } from "../../support/faulty-sender.ts";
import { PipeHarness, until } from "../../support/pipe-harness.ts";

const OLD = 1_700_000_000;
const HOUR = 3_600_000;
const bus = { maxChanges: 50, maxBytes: 1e6, maxCoalesced: 60 };

const isAudit = ({ sourceType }: ReceivedEnvelope): boolean => sourceType === "audit";
const auditEnds = ({ sender }: PipeHarness): number =>
  sender.accepted.filter((push) => isAudit(push) && push.isEnd).length;
const rescans = (harness: PipeHarness) => harness.pipe.status().rescans;

function makeHarness(options: ConstructorParameters<typeof PipeHarness>[0] = {}): PipeHarness {
  const harness = new PipeHarness({ bus, ...options, source: { rescans: true, ...options.source } });
  const { source } = harness;
  for (const directory of ["/kept", "/gone", "/gone/deep", "/same"]) source.mkdir(directory, OLD, true);
  for (let i = 0; i < 30; i++) {
    for (const directory of ["/kept", "/gone/deep", "/same"]) source.write(`${directory}/f${i}`, i, OLD, true);
  }
  return harness;
}

async function settled(options: ConstructorParameters<typeof PipeHarness>[0] = {}): Promise<PipeHarness> {
  const harness = makeHarness(options);
  await harness.start();
  await until(() => harness.isSettled && harness.pipe.status().audit.state !== "running");
  return harness;
}

async function freeze(harness: PipeHarness): Promise<void> {
  const before = harness.pipe.status().failures;
  harness.sender.setFaults((call) => (call === "push" ? { kind: "fail", code: "FUSTOR_SENDER_BUSY" } : undefined));
  harness.source.write("/frozen", before);
  await until(() => harness.pipe.status().failures > before);
}

/** More than every buffer holds: files made, deleted, written over by older ones, a directory deleted and another in its place. */
async function upheaval({ source, lease }: PipeHarness): Promise<void> {
  const collapsed = lease.busStatus().collapses;
  source.remove("/gone");
  source.mkdir("/gone");
  source.mkdir("/gone/deep");
  source.write("/gone/deep/only", 1);
  for (let i = 0; i < 10; i++) source.remove(`/kept/f${i}`);
  source.write("/kept/f11", 99, OLD - 1000);
  for (let d = 0; d < 5; d++) {
    source.mkdir(`/new${d}`);
    source.mkdir(`/new${d}/below`);
    for (let i = 0; i < 25; i++) source.write(`/new${d}/below/f${i}`, i, OLD);
    await new Promise((resolve) => setImmediate(resolve));
  }
  source.remove("/new4");
  await until(() => lease.busStatus().collapses > collapsed);
}

const isEqual = (harness: PipeHarness): Promise<void> =>
  until(
    () => harness.differences().length === 0 && rescans(harness).state === "none" && harness.isSettled,
    () => [harness.differences(), harness.pipe.status()],
  );

describe("changes beyond every buffer", () => {
  it("are told by their directories: the view is equal again without a snapshot, and other directories are left alone", async () => {
    const harness = await settled();
    await freeze(harness);
    await upheaval(harness);
    const sent = harness.sender.accepted.length;
    harness.sender.noFaults();
    await isEqual(harness);
    expect(harness.source.snapshots).toBe(1);
    expect(auditEnds(harness)).toBe(1);
    expect(harness.pipe.status()).toMatchObject({ changesLost: 0, rescans: { runs: 1, cutShort: 0, pending: 0 } });
    expect(harness.source.rescanned).toHaveLength(1);
    expect(harness.source.rescanned[0]).not.toContain("/same");
    expect(rescans(harness).directories).toBe(harness.source.rescanned[0]?.length);
    const paths = harness.sender.accepted.slice(sent).flatMap(({ events }) => events.flatMap(({ rows }) => rows));
    expect(paths.filter(({ path }) => String(path).startsWith("/same/"))).toEqual([]);
    expect(harness.source.chunksOut).toBe(0);
    expect(harness.source.wrongReleases).toBe(0);
  });

  it("of a path that was deleted and told so before are lifted", async () => {
    const harness = await settled();
    harness.source.remove("/kept/f20");
    harness.source.remove("/same");
    await until(() => harness.differences().length === 0);
    await freeze(harness);
    await upheaval(harness);
    harness.source.write("/kept/f20", 5, OLD);
    harness.source.mkdir("/same", OLD);
    harness.source.write("/same/f1", 5, OLD);
    harness.sender.noFaults();
    await isEqual(harness);
    expect(harness.source.snapshots).toBe(1);
  });

  it("while a rescan of others runs wait for the next one, and live changes overtake both", async () => {
    const harness = await settled({ source: { directoryPauseMs: 5 } });
    await freeze(harness);
    await upheaval(harness);
    harness.sender.noFaults();
    await until(() => rescans(harness).state === "running" && harness.source.rescanned.length === 1);
    await freeze(harness);
    const collapsed = harness.lease.busStatus().collapses;
    for (let i = 0; i < 200; i++) {
      harness.source.write(`/same/g${i}`, i);
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    harness.source.remove("/new1");
    await until(() => harness.lease.busStatus().collapses > collapsed);
    harness.sender.noFaults();
    await isEqual(harness);
    expect(harness.source.snapshots).toBe(1);
    expect(rescans(harness)).toMatchObject({ runs: 2, pending: 0 });
  });

  it("are told anew when a rescan fails in the middle: its end goes out only after all of it", async () => {
    const harness = await settled({ source: { chunkRows: 10 } });
    await freeze(harness);
    await upheaval(harness);
    harness.source.breakSnapshot(new Error("the disk hiccups"), 1);
    harness.sender.noFaults();
    await isEqual(harness);
    expect(rescans(harness)).toMatchObject({ runs: 1, cutShort: 1 });
    expect(auditEnds(harness)).toBe(1);
    expect(harness.source.snapshots).toBe(1);
  });

  it("get a snapshot and audits when a directory of theirs cannot be read again and again", async () => {
    const harness = await settled({ settings: { auditIntervalMs: HOUR }, fusion: { sessionTimeoutMs: 600 } });
    await until(() => harness.pipe.status().audit.runs === 2);
    const before = auditEnds(harness);
    await freeze(harness);
    await upheaval(harness);
    harness.source.unlistable.add("/new2");
    harness.sender.noFaults();
    await until(() => harness.source.snapshots === 2 && auditEnds(harness) === before + 2);
    harness.source.unlistable.clear();
    expect(rescans(harness)).toMatchObject({ state: "none", runs: 0, cutShort: 3 });
    expect(harness.pipe.status().changesLost).toBe(1);
    await until(() => [...harness.fusion.view.keys()].every((path) => harness.source.tree.has(path)));
  });

  it("delete no path whose row is refused: the rescan gets no end, and a snapshot follows", async () => {
    const harness = await settled();
    await freeze(harness);
    await upheaval(harness);
    const isBad = (push: ReceivedEnvelope): boolean =>
      push.events.some(({ rows }) => rows.some(({ path }) => path === "/kept/f20"));
    harness.sender.setFaults((_call, push) =>
      push?.sourceType === "message" && isBad(push) ? { kind: "fail", code: "FUSTOR_BATCH_REFUSED" } : undefined,
    );
    await until(() => harness.poison.length > 0 && rescans(harness).state === "none" && harness.isSettled);
    expect(harness.poison.map(({ key }) => key)).toEqual(["/kept/f20"]);
    expect(harness.fusion.view.has("/kept/f20")).toBe(true);
    expect(auditEnds(harness)).toBe(0);
    expect(harness.source.snapshots).toBe(2);
  });

  it("wait across a lost session, and a full audit never runs beside a rescan", async () => {
    const harness = await settled({
      settings: { auditIntervalMs: HOUR },
      fusion: { sessionTimeoutMs: 600 },
      source: { directoryPauseMs: 2 },
    });
    await until(() => harness.pipe.status().audit.runs === 2);
    await freeze(harness);
    await upheaval(harness);
    harness.sender.noFaults();
    await until(() => rescans(harness).state === "running");
    harness.fusion.expire(harness.fusion.leader as string);
    await until(() => harness.fusion.sessions.length === 1 && harness.fusion.isComplete);
    await isEqual(harness);
    expect(rescans(harness).pending).toBe(0);
    expect(harness.source.chunksOut).toBe(0);
  });

  it("are told as live rows alone by a follower", async () => {
    const harness = makeHarness();
    harness.fusion.createSession({ taskId: "leader", sourceType: "fs", sourceUri: "/" });
    await harness.start();
    await until(() => harness.pipe.status().role === "follower");
    await freeze(harness);
    await upheaval(harness);
    harness.sender.noFaults();
    await until(() => rescans(harness).runs === 1);
    expect(harness.sender.accepted.filter(isAudit)).toEqual([]);
    for (const path of ["/new0/below/f3", "/gone/deep/only", "/kept/f11"])
      expect(harness.fusion.view.has(path)).toBe(true);
  });
});
