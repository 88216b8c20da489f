/** What a Fusion keeps on disk: the same after a kill at any moment, or nothing with one warning. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open as openFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { lockFile } from "../../../src/agent/process/native-lock.ts";
import { KeyRing } from "../../../src/fusion/api-keys.ts";
import { ByteBudget } from "../../../src/fusion/byte-budget.ts";
import { Desk } from "../../../src/fusion/desk.ts";
import {
  copyOf,
  ingest,
  type Kept,
  keptConfig,
  open,
  openKept,
  PIPE,
  pictureOf,
  StandingClock,
} from "../../support/kept-fusion.ts";
import { createTempFolder, removeTempFolders, seededRandom } from "../../support/temp-tree.ts";
import { lasting, waitFor } from "../../support/wait-for.ts";

afterEach(removeTempFolders);

// Thousands of syncs: on a disk they would take minutes.
if (existsSync("/dev/shm")) process.env.FUSTOR_TEST_DIR ??= "/dev/shm";

const SECONDS = Number(process.env.FUSTOR_RANDOM_SECONDS ?? "3");
const NAMES = ["a", "b", "ä\u201bFF", "\ud800", "long name with more than a few characters", "x"];
const newFolder = (): string => join(createTempFolder("state"), "state");

const rowOf = (path: string, seconds: number, directory = false) => ({
  path,
  file_name: basename(path),
  size: path.length * 7,
  modified_time: seconds,
  created_time: seconds,
  is_directory: directory,
});

const event = (rows: readonly object[], source = "realtime", type = "update", index = -1) => ({
  event_type: type,
  event_schema: "fs",
  table: "files",
  fields: [],
  rows,
  index,
  message_source: source,
});

/** One thing that agents may do, at random. */
class Agents {
  readonly #random: () => number;
  readonly #clock: StandingClock;
  #sessions: string[] = [];
  #left: string | undefined;

  constructor(random: () => number, clock: StandingClock) {
    this.#random = random;
    this.#clock = clock;
  }

  act(fusion: Kept): void {
    this.#clock.seconds += this.#random() * 3;
    this.#sessions = this.#sessions.filter((id) => fusion.core.session(id) !== undefined);
    const session = this.#pick(this.#sessions);
    const dice = this.#random();
    if (session === undefined || dice < 0.03) this.#sessions.push(open(fusion, "a:t", this.#left));
    else if (dice < 0.05) {
      this.#left = session;
      fusion.acts.closeSession(session);
    } else if (dice < 0.3) fusion.acts.heartbeat(session, true);
    else if (dice < 0.35) fusion.acts.startAudit(PIPE);
    else if (dice < 0.38) fusion.acts.finishAudit(PIPE);
    else if (dice < 0.4) fusion.acts.correct(PIPE, [{ path: this.#path(), mtime: this.#clock.seconds, size: 3 }]);
    else if (dice < 0.405) fusion.acts.resetView(fusion.view.config.id);
    else if (dice < 0.42) ingest(fusion, session, { source_type: "snapshot", is_end: true, events: [] });
    else this.#send(fusion, session);
  }

  #send(fusion: Kept, session: string): void {
    const source = this.#pick(["realtime", "realtime", "snapshot", "audit", "on_demand_job"]) ?? "";
    const type = this.#random() < 0.25 ? "delete" : "update";
    const rows = Array.from({ length: 1 + this.#random() * 8 }, () => ({
      ...rowOf(this.#path(), this.#clock.seconds - this.#random() * 40, this.#random() < 0.4),
      is_atomic_write: this.#random() < 0.5,
    }));
    const kind = source === "realtime" ? "message" : source;
    const index = Math.trunc(this.#clock.seconds * 1000);
    const isEnd = source === "audit" && this.#random() < 0.2;
    ingest(fusion, session, { source_type: kind, is_end: isEnd, events: [event(rows, source, type, index)] });
  }

  #path = (): string => `/${Array.from({ length: 1 + this.#random() * 3 }, () => this.#pick(NAMES)).join("/")}`;
  #pick = <T>(list: readonly T[]): T | undefined => list[Math.trunc(this.#random() * list.length)];
}

test(`a kill at any moment of a random history loses nothing that was answered (FUSTOR_RANDOM_SECONDS)`, async () => {
  const end = performance.now() + SECONDS * 1000;
  for (let seed = Number(process.env.FUSTOR_SEED ?? Date.now() % 1e9); performance.now() < end; seed++) {
    await history(seed).catch((error: unknown) => {
      throw new Error(`FUSTOR_SEED=${seed}: ${(error as Error).message}`, { cause: error });
    });
  }
});

async function history(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const clock = new StandingClock();
  const options = { clock, journalBytes: 3_000 + random() * 60_000 };
  let folder = newFolder();
  let fusion = await openKept(folder, options);
  const agents = new Agents(random, clock);
  for (let life = 0; life < 4; life++) {
    const pictures = [pictureOf(fusion)];
    let answered = 0;
    for (let step = random() * 120; step > 0; step--) {
      agents.act(fusion);
      pictures.push(pictureOf(fusion));
      if (random() < 0.5) continue;
      await fusion.store.settled();
      answered = pictures.length - 1;
    }
    if (random() < 0.3) await fusion.end();
    const copy = copyOf(folder);
    await fusion.end();
    // What was not answered may be there or not; the clock of the copy goes on from its last command.
    const again = await openKept(copy, options);
    expect(again.logger.entries.filter(({ level }) => level === "warn")).toEqual([]);
    const found = withoutNow(pictureOf(again));
    if (!pictures.slice(answered).map(withoutNow).includes(found))
      expect(found).toBe(withoutNow(pictures.at(-1) ?? ""));
    folder = copy;
    fusion = again;
  }
  await fusion.end();
}

/** Times that follow the clock alone. */
const withoutNow = (picture: string): string =>
  picture
    .replace(/"logical_now":[^,]*/, "")
    .replace(/"integrity_suspect":\w+/g, "")
    .replace(/"suspect_file_count":\d+/, "");

const warningsOf = ({ logger }: Kept): string[] =>
  logger.entries.filter(({ level }) => level === "warn").map(({ message }) => message);

/** A complete view of some entries, with commands behind the checkpoint. */
async function someState(clean: boolean): Promise<{ folder: string; picture: string }> {
  const folder = newFolder();
  const first = await openKept(folder);
  const session = open(first, "a:t");
  const rows = NAMES.flatMap((name) => [rowOf(`/${name}`, 1000, true), rowOf(`/${name}/file`, 1001)]);
  ingest(first, session, { source_type: "snapshot", events: [event(rows, "snapshot")], is_end: true });
  await first.end();
  const second = await openKept(folder);
  ingest(second, session, { source_type: "message", events: [event([rowOf("/late", 1002)], "realtime", "update", 7)] });
  await second.store.settled();
  const copy = copyOf(folder);
  const picture = pictureOf(second);
  await second.end();
  return { folder: clean ? folder : copy, picture };
}

const filesOf = (folder: string): string[] => readdirSync(folder).map((name) => join(folder, name));

test.each([true, false])(
  "a file with any changed or missing byte is one warning and an empty view (clean end: %s)",
  async (clean) => {
    const { folder, picture } = await someState(clean);
    expect(pictureOf(await openKept(copyOf(folder)))).toBe(picture);
    for (const name of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, name));
      for (let at = 0; at < bytes.length; at += 1 + Math.trunc(bytes.length / 12)) {
        const [changed, cut] = [copyOf(folder), copyOf(folder)];
        const other = Buffer.from(bytes);
        other[at] = (other[at] ?? 0) ^ (1 << (at % 8));
        writeFileSync(join(changed, name), other);
        truncateSync(join(cut, name), at);
        for (const copy of [changed, cut]) {
          const fusion = await openKept(copy);
          expect([warningsOf(fusion).length, fusion.view.arbitration.tree.entries], `${name}, byte ${at}`).toEqual([
            1, 1,
          ]);
          expect(fusion.core.everySession()).toEqual([]);
          await fusion.end();
        }
      }
    }
  },
);

test("bytes behind what was answered do not count: a kill came while they were written", async () => {
  const { folder, picture } = await someState(false);
  const journal = filesOf(folder).find((path) => path.endsWith(".journal")) ?? "";
  writeFileSync(journal, Buffer.from("half of a frame"), { flag: "a" });
  const fusion = await openKept(folder);
  expect([warningsOf(fusion), pictureOf(fusion)]).toEqual([[], picture]);
});

const spoilers: [string, RegExp, (folder: string) => void][] = [
  [
    "lacks its journal",
    /journal of its checkpoint is missing/,
    (folder) => rmSync(filesOf(folder).find((path) => path.endsWith(".journal")) ?? ""),
  ],
  [
    "lacks its checkpoint",
    /checkpoint is missing/,
    (folder) => rmSync(filesOf(folder).find((path) => path.endsWith(".checkpoint")) ?? ""),
  ],
  [
    "holds other files",
    /damaged|cut/,
    (folder) => {
      for (const path of filesOf(folder)) writeFileSync(path, "hello, this is something else");
    },
  ],
  [
    "was renamed",
    /renamed/,
    (folder) => {
      for (const path of filesOf(folder)) renameSync(path, join(dirname(path), `1${basename(path)}`));
    },
  ],
];

test.each(spoilers)("a state that %s is one warning and an empty view", async (_, warning, spoil) => {
  const { folder } = await someState(false);
  spoil(folder);
  const fusion = await openKept(folder);
  expect(warningsOf(fusion)).toEqual([expect.stringMatching(warning)]);
  expect(fusion.view.arbitration.tree.entries).toBe(1);
  // It can be used at once, and is kept from now on.
  const session = open(fusion, "a:t");
  ingest(fusion, session, { source_type: "snapshot", events: [event([rowOf("/new", 5)], "snapshot")], is_end: true });
  const picture = pictureOf(fusion);
  await fusion.end();
  expect(pictureOf(await openKept(folder))).toBe(picture);
});

test("a state of other views, of a newer version, or of before a start of the machine is not used", async () => {
  const { folder } = await someState(false);
  const other = await openKept(copyOf(folder), { config: keptConfig("another") });
  expect(warningsOf(other)).toEqual([expect.stringMatching(/other views and pipes/)]);
  const rebooted = await openKept(copyOf(folder), { boot: "another" });
  expect(warningsOf(rebooted)).toEqual([expect.stringMatching(/machine has been started again/)]);
  const { folder: clean, picture } = await someState(true);
  expect(pictureOf(await openKept(copyOf(clean), { boot: "another" }))).toBe(picture);
});

test("a session that ran out before a kill is not back after it, and neither is its view", async () => {
  const [folder, clock] = [newFolder(), new StandingClock()];
  const first = await openKept(folder, { clock });
  const session = open(first, "a:t");
  ingest(first, session, { source_type: "snapshot", events: [event([rowOf("/f", 5)], "snapshot")], is_end: true });
  await first.store.settled();
  clock.seconds += 31;
  first.core.sweep();
  await first.store.settled();
  const again = await openKept(copyOf(folder), { clock });
  expect([again.core.everySession(), again.view.ready, again.view.arbitration.tree.entries]).toEqual([[], false, 1]);
  expect([warningsOf(again), pictureOf(again)]).toEqual([[], pictureOf(first)]);
  await Promise.all([first.end(), again.end()]);
});

test("a journal is not repeated under other timeouts: the view would be ready with a part of its entries", async () => {
  const folder = newFolder();
  const first = await openKept(folder);
  const session = open(first, "a:t");
  ingest(first, session, { source_type: "snapshot", events: [event([rowOf("/f", 5)], "snapshot")], is_end: true });
  first.acts.closeSession(session);
  const resumed = open(first, "a:t", session);
  ingest(first, resumed, { source_type: "snapshot", events: [], is_end: true });
  ingest(first, resumed, { source_type: "message", events: [event([rowOf("/late", 6)])] });
  await first.store.settled();
  const [killed, picture] = [copyOf(folder), pictureOf(first)];
  await first.end();
  const base = keptConfig();
  const views = new Map([...base.views].map(([id, view]) => [id, { ...view, retentionSeconds: 0 }] as const));
  const config = { ...base, views };
  const again = await openKept(killed, { config });
  expect([warningsOf(again), again.view.ready, again.core.everySession()]).toEqual([
    [expect.stringMatching(/timeouts have been changed/)],
    false,
    [],
  ]);
  // After a stop in order there is nothing to repeat.
  const stopped = await openKept(folder, { config });
  expect([warningsOf(stopped), pictureOf(stopped)]).toEqual([[], picture]);
  await Promise.all([again.end(), stopped.end()]);
});

test("the agent for which a view was kept finds it after a restart, another one does not", async () => {
  for (const [resumes, resumed] of [
    ["own", true],
    ["other", false],
  ] as const) {
    const folder = newFolder();
    const first = await openKept(folder);
    const session = open(first, "a:t");
    ingest(first, session, { source_type: "snapshot", events: [event([rowOf("/f", 5)], "snapshot")], is_end: true });
    first.acts.closeSession(session);
    await first.end();
    const second = await openKept(folder);
    const request = { taskId: "a:t", sourceUri: null, timeoutSeconds: 30, resumes: resumes === "own" ? session : "x" };
    expect(second.acts.openSession(PIPE, request, null)).toMatchObject({ kind: "opened", resumed });
    expect(second.view.arbitration.tree.entries).toBe(resumed ? 2 : 1);
    await second.end();
  }
});

test("a second Fusion does not get the folder", async () => {
  const folder = newFolder();
  const first = await openKept(folder, { lock: lockFile });
  await expect(openKept(folder, { lock: lockFile })).rejects.toMatchObject({
    code: "FUSTOR_CONFIG_INVALID",
    message: expect.stringMatching(/is in use by another Fusion/),
  });
  await first.end();
  await (await openKept(folder, { lock: lockFile })).end();
});

/** Enough for the next command to ask for a checkpoint. */
async function fillJournal(fusion: Kept, session: string): Promise<void> {
  ingest(fusion, session, { source_type: "snapshot", events: [event(many(0, 40), "snapshot")] });
  await fusion.store.settled();
}

test("a draft that can be neither opened nor removed is one warning, and a new checkpoint when it is gone", async () => {
  const folder = newFolder();
  const fusion = await openKept(folder, { journalBytes: 1000, retryMs: 20 });
  const session = open(fusion, "a:t");
  const draft = join(folder, "2.journal.draft");
  mkdirSync(draft);
  await fillJournal(fusion, session);
  fusion.acts.heartbeat(session, true);
  await waitFor(() => warningsOf(fusion).length > 0, { timeoutMs: 10_000, what: "the warning" });
  expect(warningsOf(fusion)).toEqual([expect.stringMatching(/the earlier state and its journal stay/)]);
  rmdirSync(draft);
  const written = (): boolean => fusion.logger.messages().includes("the state is written again");
  await waitFor(written, { timeoutMs: 10_000, what: "a checkpoint" });
  await fusion.end();
});

test("a journal that breaks while its checkpoint is written is tried again, however long the checkpoint takes", async () => {
  const fusion = await openKept(newFolder(), { journalBytes: 1000, retryMs: 1 });
  const session = open(fusion, "a:t");
  await fillJournal(fusion, session);
  const { promise: released, resolve: release } = withResolvers();
  const prototype = await handlePrototype();
  let syncs = 0;
  const sync = vi.spyOn(prototype, "sync").mockImplementation(async () => {
    // The first is that of the new journal, the second that of the checkpoint.
    if (++syncs === 2) await released;
  });
  onTestFinished(() => sync.mockRestore());
  fusion.acts.heartbeat(session, true);
  await waitFor(() => syncs === 2, { timeoutMs: 10_000, what: "the checkpoint" });
  const writev = vi.spyOn(prototype, "writev").mockRejectedValueOnce(new Error("the disk is full"));
  onTestFinished(() => writev.mockRestore());
  fusion.acts.heartbeat(session, true);
  await fusion.store.settled();
  expect(warningsOf(fusion)).toEqual([expect.stringMatching(/memory only/)]);
  await lasting(20, "the retry comes due before the checkpoint has ended");
  release();
  const written = (): boolean => fusion.logger.messages().includes("the state is written again");
  await waitFor(written, { timeoutMs: 10_000, what: "a checkpoint" });
  await fusion.end();
});

test("behind a disk that hangs no further batch is taken, and no position is told that is not on it", async () => {
  const fusion = await openKept(newFolder());
  const [receiver] = keptConfig().receivers.values();
  if (receiver === undefined) throw new Error("unreachable: there is a receiver");
  const parts = { core: fusion.core, acts: fusion.acts, keys: new KeyRing(keptConfig()), budget: new ByteBudget(1e9) };
  const desk = new Desk(parts, receiver);
  const session = open(fusion, "a:t");
  await fusion.store.settled();
  const { promise: released, resolve: release } = withResolvers();
  const prototype = await handlePrototype();
  const { writev } = prototype;
  const spy = vi.spyOn(prototype, "writev").mockImplementation(async function (this: FileHandle, ...args) {
    await released;
    return writev.apply(this, args);
  });
  onTestFinished(() => spy.mockRestore());
  const body = { source_type: "message", events: [event([rowOf("/f", 5)], "realtime", "update", 7)] };
  const answers = [
    desk.ingest(PIPE, session, body, Buffer.alloc(70_000_000)),
    desk.ingest(PIPE, session, body, Buffer.alloc(100)),
    desk.position(PIPE, session),
  ];
  expect(answers[1]).toMatchObject({ status: 503 });
  expect(await Promise.race([answers[2], "nothing yet"])).toBe("nothing yet");
  release();
  expect(await Promise.all(answers)).toMatchObject([{ status: 200 }, { status: 503 }, { body: { index: 7 } }]);
  expect(await desk.ingest(PIPE, session, body, Buffer.alloc(100))).toMatchObject({ status: 200 });
  await fusion.end();
});

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function handlePrototype(): Promise<FileHandle> {
  const handle = await openFile("/dev/null");
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

const isRoot = process.getuid?.() === 0;

/** A folder on a file system of its own with room for so many bytes. */
function smallDisk(bytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), "fustor-small-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "none", folder]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", folder]);
    rmdirSync(folder);
  });
  return folder;
}

const many = (from: number, count: number): object[] =>
  Array.from({ length: count }, (_, at) => rowOf(`/a directory/file number ${from + at}`, 1000 + at));

test.runIf(isRoot)("a disk without room for a checkpoint keeps the earlier one with its journal", async () => {
  const disk = smallDisk(400_000);
  const folder = join(disk, "state");
  const fusion = await openKept(folder, { journalBytes: 100_000, retryMs: 20 });
  const session = open(fusion, "a:t");
  const filler = join(disk, "filler");
  writeFileSync(filler, Buffer.alloc(250_000));
  ingest(fusion, session, { source_type: "snapshot", events: [event(many(0, 700), "snapshot")], is_end: true });
  await fusion.store.settled();
  fusion.acts.heartbeat(session, true);
  await waitFor(() => warningsOf(fusion).length > 0, { timeoutMs: 10_000, what: "the warning" });
  await fusion.store.settled();
  const copy = await openKept(copyOf(folder));
  expect([warningsOf(copy), pictureOf(copy)]).toEqual([[], pictureOf(fusion)]);
  rmSync(filler);
  const written = (): boolean => fusion.logger.messages().includes("the state is written again");
  await waitFor(written, { timeoutMs: 10_000, what: "a checkpoint" });
  expect(warningsOf(fusion).length).toBe(1);
  await fusion.end();
});

test.runIf(isRoot)("a disk without room for the journal leaves no state that is older than the answers", async () => {
  const disk = smallDisk(200_000);
  const folder = join(disk, "state");
  const fusion = await openKept(folder, { retryMs: 3000 });
  const session = open(fusion, "a:t");
  for (let round = 0; round < 10 && warningsOf(fusion).length === 0; round++) {
    ingest(fusion, session, { source_type: "snapshot", events: [event(many(round * 300, 300), "snapshot")] });
    await fusion.store.settled();
  }
  expect(warningsOf(fusion)).toEqual([expect.stringMatching(/memory only/)]);
  const empty = await openKept(copyOf(folder));
  expect(empty.view.arbitration.tree.entries).toBe(1);
  expect(fusion.view.arbitration.tree.entries).toBeGreaterThan(300);
  // The journal that was removed made room.
  const written = (): boolean => fusion.logger.messages().includes("the state is written again");
  await waitFor(written, { timeoutMs: 10_000, what: "a checkpoint" });
  const kept = await openKept(copyOf(folder));
  expect([warningsOf(kept), pictureOf(kept)]).toEqual([[], pictureOf(fusion)]);
  await fusion.end();
});
