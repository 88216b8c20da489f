import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { formatFindings } from "../../../../src/cli/commands/doctor.ts";
import { consoleFinding } from "../../../../src/cli/doctor/console-port.ts";
import { type Finding, note, ok, problem } from "../../../../src/cli/doctor/finding.ts";
import { capabilityFindings, isWhole, watchFindings } from "../../../../src/cli/doctor/limits.ts";
import { addonFinding, kernelFinding, reportsNames } from "../../../../src/cli/doctor/machine.ts";
import {
  changesElsewhere,
  mountOf,
  mountsBelow,
  parseMounts,
  REMOTE_TYPES,
} from "../../../../src/cli/doctor/mounts.ts";
import { openFiles, type Proc } from "../../../../src/cli/doctor/proc.ts";
import { runningFindings } from "../../../../src/cli/doctor/running.ts";
import { senderFindings } from "../../../../src/cli/doctor/senders.ts";
import { rootFindings } from "../../../../src/cli/doctor/sources.ts";
import type { SourceConfig } from "../../../../src/config/model.ts";
import { knownDrivers } from "../../../../src/drivers/registry.ts";
import { FustorError } from "../../../../src/sdk/index.ts";
import { createTempFolder, removeTempFolders } from "../../../support/temp-tree.ts";
import { examplePipe, exampleStatus } from "../../console/example-status.ts";

afterEach(removeTempFolders);

interface Machine {
  readonly watches?: number;
  readonly instances?: number;
  readonly held?: number;
  readonly capabilities?: string;
  readonly uidMap?: string;
}

/** A folder that looks like /proc as far as the doctor looks. */
function procOf({ watches = 8192, instances = 128, held = 0, capabilities = "0", uidMap }: Machine): Proc {
  const root = createTempFolder("proc");
  mkdirSync(join(root, "sys/fs/inotify"), { recursive: true });
  mkdirSync(join(root, "self"));
  mkdirSync(join(root, "4711/fd"), { recursive: true });
  const texts = {
    "sys/fs/inotify/max_user_watches": watches,
    "sys/fs/inotify/max_user_instances": instances,
    "sys/fs/inotify/max_queued_events": 16_384,
    "self/status": `Name:\tnode\nCapEff:\t${capabilities}\n`,
    "self/uid_map": uidMap ?? "         0          0 4294967295\n",
    "self/limits":
      "Limit  Soft  Hard  Units\nMax open files            1024                 4096                 files\n",
  };
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(root, name), `${text}\n`);
  for (let at = 0; at < held; at++) symlinkSync("anon_inode:inotify", join(root, "4711/fd", `${at}`));
  return { root, pid: "self" };
}

const sourceOf = (uri: string, params: Readonly<Record<string, unknown>> = {}): SourceConfig => ({
  id: "files",
  driver: "fs",
  uri,
  maxQueueEvents: 1,
  maxQueueBytes: 1,
  disabled: false,
  driverParams: { engine: "auto", remote_poll_interval_sec: 10, cross_mounts: true, ...params },
  origin: { file: "/h/agent-config.yaml", line: 7, column: 1 },
});

const severities = (findings: readonly Finding[]): string[] => findings.map(({ severity }) => severity);

test("a watch limit below what may lie there is a note with the sysctl line that raises it", () => {
  const [finding] = watchFindings(procOf({ watches: 8192 }), { usesInotify: true, mostEntries: 2_000_000 });
  expect(finding).toMatchObject({
    severity: "note",
    cure: expect.stringContaining("fs.inotify.max_user_watches=1048576"),
  });
  expect(finding?.what).toContain("8,192 watches");
});

test.each([
  ["fanotify watches", { usesInotify: false, mostEntries: 2_000_000 }],
  ["fewer entries than watches lie there", { usesInotify: true, mostEntries: 8000 }],
])("the same limit is fine where %s", (_, needs) => {
  expect(severities(watchFindings(procOf({ watches: 8192 }), needs))).toEqual(["ok"]);
});

test("inotify instances that are all taken are a problem, and nearly all a note", () => {
  const needs = { usesInotify: true, mostEntries: 10 };
  const spent = watchFindings(procOf({ instances: 16, held: 16 }), needs);
  expect(spent).toContainEqual(
    expect.objectContaining({ severity: "problem", cure: expect.stringContaining("instances=1024") }),
  );
  expect(severities(watchFindings(procOf({ instances: 16, held: 10 }), needs))).toEqual(["ok", "note"]);
});

test("missing capabilities are notes, and problems for engine: fanotify", () => {
  const bare = procOf({ capabilities: "0000000000000000" });
  expect(severities(capabilityFindings(bare, [sourceOf("/")]))).toEqual(["note", "note"]);
  expect(severities(capabilityFindings(bare, [sourceOf("/", { engine: "fanotify" })]))).toEqual(["problem", "problem"]);
});

test("all capabilities are enough, but not those of a user namespace", () => {
  const whole = procOf({ capabilities: "000001ffffffffff" });
  const inside = procOf({ capabilities: "000001ffffffffff", uidMap: "0 1000 1" });
  expect([isWhole(whole), isWhole(inside)]).toEqual([true, false]);
  expect(severities(capabilityFindings(whole, [sourceOf("/")]))).toEqual(["ok"]);
  expect(severities(capabilityFindings(inside, [sourceOf("/")]))).toEqual(["note"]);
});

test("the limits of a process are read as numbers", () => {
  expect(openFiles(procOf({}))).toEqual({ soft: 1024, hard: 4096 });
});

const MOUNTINFO = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /data rw - xfs /dev/sdb rw
31 30 0:41 / /data/with\\040space ro,relatime - nfs4 server:/export rw,vers=4.2
32 30 0:42 / /data/proc rw - proc proc rw
33 22 0:43 / /database rw - tmpfs tmpfs rw
34 22 0:44 / /data rw - btrfs /dev/sdc rw
`;

test("mounts are read with their escapes, the last of two at one place counts, and neighbours are not below", () => {
  const mounts = parseMounts(MOUNTINFO);
  expect(mountOf("/data/a", mounts)).toMatchObject({ type: "btrfs", place: "/data" });
  expect(mountOf("/data/with space/x", mounts)).toMatchObject({ type: "nfs4", readOnly: true, from: "server:/export" });
  expect(mountOf("/dat", mounts)).toMatchObject({ place: "/" });
  expect(mountsBelow("/data", mounts).map(({ place }) => place)).toEqual(["/data/with space"]);
});

test("the list of remote file systems is the engine's", () => {
  const engine = readFileSync(new URL("../../../../native/src/base/mount_table.cc", import.meta.url), "utf8");
  const [, list = ""] = /kRemote\[\] = \{([^}]*)\}/.exec(engine) ?? [];
  expect([...list.matchAll(/"([^"]+)"/g)].map(([, type]) => type).sort()).toEqual([...REMOTE_TYPES].sort());
  expect([changesElsewhere("fuse.sshfs"), changesElsewhere("ext4")]).toEqual([true, false]);
});

test("a remote root is a note while it is polled, and a problem when polling is off", async () => {
  const root = createTempFolder("remote");
  const mounts = [{ place: "/", type: "nfs4", from: "server:/x", readOnly: true }];
  const look = { mounts, hasFanotify: true };
  expect(severities(await rootFindings(sourceOf(root), look))).toEqual(["ok", "note"]);
  const off = await rootFindings(sourceOf(root, { remote_poll_interval_sec: 0, canary_interval_sec: 60 }), look);
  expect(severities(off)).toEqual(["ok", "problem", "problem"]);
  expect(off[1]?.cure).toContain("/h/agent-config.yaml:7");
});

test("mounts below a root that is not to cross them are a note", async () => {
  const root = createTempFolder("crossing");
  const mounts = ["/", join(root, "below")].map((place) => ({ place, type: "ext4", from: "x", readOnly: false }));
  const findings = await rootFindings(sourceOf(root, { cross_mounts: false }), { mounts, hasFanotify: false });
  expect(findings[0]?.what).toContain("watched by inotify; 1 mount below it (ext4)");
  expect(severities(findings)).toEqual(["ok", "note"]);
});

test("an addon that does not load is a problem that says why, and an old kernel a note", () => {
  const broken = addonFinding(() => {
    throw new FustorError("FUSTOR_NATIVE_UNAVAILABLE", "no native addon was found: run `npm run build:native`");
  });
  expect(broken).toMatchObject({ severity: "problem", what: expect.stringContaining("build:native") });
  expect(addonFinding().severity).toBe("ok");
  expect(["4.18.0-553.el8", "5.8.18", "5.9.0", "6.1.0-13-amd64"].map(reportsNames)).toEqual([false, false, true, true]);
  expect(kernelFinding("4.18.0").severity).toBe("note");
});

test("a taken port of the page is a note when the next one is tried, and a problem when it was set", async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  try {
    const place = { enabled: true, host: "localhost", maxBacklogAgeMs: 1 };
    expect(await consoleFinding({ ...place, port })).toMatchObject({ severity: "problem" });
    expect(await consoleFinding({ ...place, host: "192.0.2.1", port })).toMatchObject({ severity: "problem" });
    expect((await consoleFinding(undefined)).severity).toBe("ok");
  } finally {
    server.close();
  }
});

test("a running agent's status becomes findings: what waits, what was refused, what is away", () => {
  const findings = runningFindings(exampleStatus, 60_000);
  const problems = findings.filter(({ severity }) => severity === "problem");
  expect(problems.map(({ about }) => about)).toEqual(expect.arrayContaining(["archive", "second-site"]));
  expect(problems.find(({ about }) => about === "second-site")?.cure).toContain("fustor-agent reload");
  expect(problems.find(({ about }) => about === "archive")?.cure).toContain("fustor-agent confirm archive-files");
  expect(findings).toContainEqual(ok("pipe", "running: leader, live", { about: "research" }));
});

test("a spent watch limit in the status becomes the command that raises it, and another version a note", () => {
  const text = "8192 are watched, the kernel grants 8192: sysctl fs.inotify.max_user_watches=12000";
  const engines = [{ fileSystem: "ext4", engine: "inotify", reason: "x", count: 1 }];
  const status = { availability: { state: "available" }, engines, notes: ["ext4: inotify (x)", text] } as const;
  const source = { ids: ["files"], driver: "fs", uri: "/data", status };
  const agent = { ...exampleStatus, version: "0.0.1", pipes: [examplePipe], sources: [source] };
  const findings = runningFindings({ ...agent, descriptors: { exhausted: true, limit: 64 } }, 60_000);
  expect(findings).toContainEqual(ok("source", "ext4: inotify (x)", { about: "files" }));
  const raise =
    "sysctl -w fs.inotify.max_user_watches=12000; echo fs.inotify.max_user_watches=12000 > /etc/sysctl.d/60-fustor-agent.conf";
  expect(findings).toContainEqual(note("source", text, { about: "files", cure: raise }));
  expect(severities(findings).sort()).toEqual(["note", "note", "ok", "ok", "ok", "problem"]);
});

test.each([0, 1, 20, 40, 80, 10_000])(
  "findings on a terminal of %d columns stay whole and break at words",
  (columns) => {
    const long = `/data/${"x".repeat(300)}`;
    const findings = [
      problem("source", `${long} is away`, { about: "a\u001b[31m", cure: "mount it" }),
      ok("addon", "it loads"),
    ];
    const text = formatFindings(findings, columns);
    const lines = text.split("\n");
    expect(text).toContain(long);
    expect(text).not.toContain("\u001b");
    expect(lines.at(-1)).toBe("1 problem, 0 notes, 1 ok.");
    expect(lines[0]).toMatch(/^ok {7}addon: it loads$/);
    expect(text).toContain("\n   cure: mount it");
    for (const line of lines) expect(line.length <= Math.max(columns, 40) || line.includes(long)).toBe(true);
  },
);

test("a sender that a proxy keeps from its receiver is cured at the proxy, and its password is not shown", async () => {
  const sender = {
    id: "out",
    driver: "fusion",
    uri: "http://127.0.0.1:1",
    credential: { kind: "key", key: "push-key" },
    batchEvents: 1,
    batchBytes: 1,
    eventRows: 1,
    timeoutMs: 2000,
    disabled: false,
    driverParams: { gzip: "auto", proxy: "http://me:s3cret@127.0.0.1:1" },
    origin: { file: "/h/agent-config.yaml", line: 7, column: 1 },
  } as const;
  const findings = await senderFindings(sender, knownDrivers);
  expect(findings).toContainEqual(
    expect.objectContaining({ severity: "problem", cure: expect.stringContaining("-x http://127.0.0.1:1") }),
  );
  expect(JSON.stringify(findings)).not.toContain("s3cret");
});
