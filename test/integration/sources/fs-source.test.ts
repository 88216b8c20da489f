import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WatchStatus } from "../../../src/native/watch.ts";
import { type BulkRows, type Change, type FsRow, isFustorError } from "../../../src/sdk/index.ts";
import type { FsSource } from "../../../src/sources/fs/fs-source.ts";
import { fsSourceAt } from "../../support/fs-source-at.ts";
import { PATIENCE } from "../../support/patience.ts";
import { lasting, waitFor } from "../../support/wait-for.ts";
import { EventJudge } from "./event-judge.ts";

const CONVERGE_MS = 10_000 * PATIENCE;
const isRoot = process.getuid?.() === 0;

const ENGINES: Readonly<Record<string, Record<string, unknown>>> = {
  inotify: { engine: "inotify" },
  fanotify: { engine: "fanotify" },
  parcel: { engine: "parcel", poll_interval_sec: 1 },
  poll: { engine: "poll", poll_interval_sec: 0.2 },
};

class Watched {
  readonly judge = new EventJudge();
  readonly changes: Change[] = [];
  readonly source: FsSource;
  readonly #abort = new AbortController();
  #pump: Promise<void> | undefined;
  #failure: unknown;

  readonly root: string;

  constructor(root: string, driverParams: Record<string, unknown> = {}) {
    this.root = root;
    this.source = fsSourceAt(root, driverParams);
  }

  async start(): Promise<void> {
    await this.source.open();
    this.#pump = this.#run().catch((error: unknown) => {
      this.#failure = error;
    });
    await until(() => this.source.status().availability.state === "available");
    await this.snapshot();
  }

  async #run(): Promise<void> {
    const { batches } = this.source.getMessageIterator(-1, { signal: this.#abort.signal });
    for await (const batch of batches) {
      for (const change of batch.changes) {
        this.changes.push(change);
        this.judge.apply(change);
      }
    }
  }

  async snapshot(): Promise<number> {
    let rows = 0;
    const { chunks } = this.source.getSnapshotIterator({ signal: this.#abort.signal });
    for await (const chunk of chunks) {
      const end = chunk.rowOffsets[chunk.rowCount] ?? 0;
      const text = Buffer.from(chunk.buffer.subarray(0, end - 1)).toString("utf8");
      for (const row of JSON.parse(`[${text}]`) as FsRow[]) {
        this.judge.load(row);
        rows++;
      }
      chunk.release();
    }
    return rows;
  }

  async converges(): Promise<void> {
    let differences: string[] = [];
    const deadline = Date.now() + CONVERGE_MS;
    do {
      if (this.#failure !== undefined) throw this.#failure;
      differences = this.judge.differences(this.root);
      if (differences.length === 0) return;
      await lasting(20, "until the next look");
    } while (Date.now() < deadline);
    expect(differences.slice(0, 20)).toEqual([]);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.source.close();
    await this.#pump;
  }
}

async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  await waitFor(condition, { timeoutMs, intervalMs: 5, what: () => condition.toString() });
}

const sh = (command: string, cwd: string): void => {
  execFileSync("sh", ["-ec", command], { cwd, stdio: "pipe" });
};

const PYTHON = `import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
def exchange(a, b):
    if libc.renameat2(-100, a.encode(), -100, b.encode(), 2) != 0: raise OSError(ctypes.get_errno())
`;
/** What no shell command and no function of Node does. */
const python = (script: string, cwd: string): void => {
  execFileSync("python3", ["-c", PYTHON + script], { cwd, stdio: "pipe" });
};

describe("the fs source", () => {
  let base: string;
  let root: string;
  let watched: Watched | undefined;

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), "fustor-fs-"));
    root = join(base, "root");
    mkdirSync(root);
  });

  afterEach(async () => {
    await watched?.close();
    watched = undefined;
    rmSync(base, { recursive: true, force: true });
  });

  const watching = async (driverParams?: Record<string, unknown>): Promise<Watched> => {
    watched = new Watched(root, driverParams);
    await watched.start();
    return watched;
  };

  const cases: Readonly<Record<string, (root: string, outside: string) => void>> = {
    "a file written into the root": (at) => writeFileSync(`${at}/f`, "hello"),
    "mkdir -p with a file in it, 200 times": (at) =>
      sh("for i in $(seq 200); do mkdir -p d$i/b/c; echo x > d$i/b/c/f; done", at),
    "a tree copied in": (at) => sh("cp -a /usr/include/linux ./linux", at),
    "a directory renamed with everything in it": (at) =>
      sh("mkdir -p a/x/y; touch a/f a/x/f a/x/y/f; sleep 0.2; mv a b; echo new > b/x/y/g", at),
    "two directories exchanged": (at) => sh("mkdir a b; touch a/1 b/2; sleep 0.2; mv a t; mv b a; mv t b", at),
    "a directory moved into its sibling and back": (at) =>
      sh("mkdir a b; touch a/1 b/2; sleep 0.2; mv a b/a; sleep 0.2; mv b/a c; touch c/3", at),
    "a tree removed and made again under the same names": (at) =>
      sh("mkdir -p a/b/c; touch a/b/c/f; sleep 0.2; rm -rf a; mkdir -p a/b/c; touch a/b/c/g", at),
    "names that change their kind": (at) =>
      sh(
        "touch a; mkdir b; ln -s a c; sleep 0.2; rm a; mkdir a; rmdir b; echo x > b; rm c; mkdir c; touch c/f a/f",
        at,
      ),
    "a tree moved in": (at, outside) => sh(`cp -a /usr/include/asm-generic ${outside}/tree; mv ${outside}/tree .`, at),
    "a tree moved out": (at, outside) =>
      sh(`cp -a /usr/include/asm-generic tree; sleep 0.3; mv tree ${outside}/gone`, at),
    "a tree moved out and back": (at, outside) =>
      sh(
        `cp -a /usr/include/asm-generic tree; sleep 0.3; mv tree ${outside}/gone; sleep 0.3; mv ${outside}/gone tree`,
        at,
      ),
    "names exchanged in one step": (at) => {
      sh("mkdir -p a/x b; touch a/1 b/2; echo file > f; sleep 0.2", at);
      python(`exchange("a", "b"); exchange("a/2", "b/x"); exchange("f", "b/1")`, at);
    },
    "directories in rotation while they are written to": (at) =>
      sh("mkdir a b c; for i in $(seq 20); do echo $i > a/f$i; mv a t; mv b a; mv c b; mv t c; done", at),
    "parent and child that change places": (at) =>
      sh("mkdir -p p/c; touch p/f p/c/g; sleep 0.2; mv p/c c; mv p c/p; echo x > c/p/h", at),
    "renames over a file and over an empty directory": (at) =>
      sh("mkdir a e; echo 1 > f; echo 22 > g; touch a/x; sleep 0.2; mv f g; mv -T a e", at),
    "a directory made, filled and renamed in one breath": (at) =>
      sh("for i in $(seq 50); do mkdir -p a/b; echo $i > a/b/f; mv a d$i; echo x > d$i/g; done", at),
    "a file without a name that is linked into the tree": (at) =>
      python(
        `fd = os.open(".", os.O_TMPFILE | os.O_WRONLY); os.write(fd, b"x"); libc.linkat(-100, f"/proc/self/fd/{fd}".encode(), -100, b"linked", 0x400)`,
        at,
      ),
    "a write through a mapping": (at) => {
      writeFileSync(`${at}/f`, "a".repeat(4096));
      sh("sleep 0.2", at);
      python(
        `f = open("f", "r+b"); m = mmap.mmap(f.fileno(), 0); m[0:4096] = b"b" * 4096; m.flush(); m.close(); f.close()`,
        at,
      );
    },
    "a file deleted while it is open and written on": (at) =>
      python(
        `f = open("f", "w"); f.write("x"); f.flush(); os.unlink("f"); f.write("ghost"); f.close(); open("g", "w")`,
        at,
      ),
    "new content of the same size under the old time": (at) =>
      sh("echo aaaa > f; touch -r f ref; sleep 0.2; echo bbbb > f; touch -r ref f", at),
    "links that loop and lead outside": (at, outside) =>
      sh(`mkdir d; ln -s . loop; ln -s .. d/up; ln -s ${outside} out; ln -s self self`, at),
    "one directory of 3,000 entries removed and made again": (at) =>
      sh("mkdir d; (cd d; seq 3000 | xargs touch); sleep 0.3; rm -rf d; mkdir d; (cd d; seq 1500 | xargs touch)", at),
    "atomic saves": (at) => sh("for i in $(seq 30); do echo $i > .tmp$i; mv .tmp$i doc; done", at),
    "hard links, links, fifos and sockets": (at) => {
      writeFileSync(`${at}/f`, "x");
      linkSync(`${at}/f`, `${at}/g`);
      symlinkSync("nowhere", `${at}/dangling`);
      symlinkSync("/usr", `${at}/todir`);
      sh("mkfifo p; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"s\")'", at);
    },
    "a write through another hard link": (at) => {
      mkdirSync(`${at}/d`);
      writeFileSync(`${at}/f`, "x");
      linkSync(`${at}/f`, `${at}/d/g`);
      sh("sleep 0.2", at);
      appendFileSync(`${at}/d/g`, "more");
    },
    "truncate, chmod and a time set back": (at) => {
      writeFileSync(`${at}/f`, "0123456789");
      truncateSync(`${at}/f`, 3);
      utimesSync(`${at}/f`, -1.5, -1.5);
    },
    "5,000 files of which half are deleted again": (at) => {
      for (let i = 0; i < 5000; i++) writeFileSync(`${at}/f${i}`, "x");
      for (let i = 0; i < 5000; i += 2) unlinkSync(`${at}/f${i}`);
    },
  };

  for (const [engine, driverParams] of Object.entries(ENGINES)) {
    describe.skipIf(engine === "fanotify" && !isRoot)(`with ${engine}`, () => {
      for (const [name, operate] of Object.entries(cases)) {
        it(`reports ${name} so that the view equals the disk`, async () => {
          const seen = await watching(driverParams);
          operate(root, base);
          await seen.converges();
        });
      }
    });
  }

  it("tells what watches each file system, and why", async () => {
    const seen = await watching({ engine: "auto" });
    const { engines } = seen.source.status() as unknown as { engines: { engine: string; reason: string }[] };
    expect(engines.length).toBeGreaterThan(0);
    for (const { engine, reason } of engines) {
      expect(["fanotify", "inotify"]).toContain(engine);
      expect(reason).not.toBe("");
    }
  });

  it("polls what a spent budget of watches leaves over, and counts it", async () => {
    sh("for i in $(seq 20); do mkdir -p d$i/sub; done", root);
    const seen = await watching({ engine: "inotify", max_watches: 5, poll_interval_sec: 0.2 });
    expect(seen.source.status().watchesUsed).toBe(5);
    const budget = () => (seen.source.status().unwatched as WatchStatus["unwatched"]).budget;
    await until(() => budget()?.count === 36);
    expect(budget()?.examples).toHaveLength(20);
    for (const path of budget()?.examples ?? []) expect(path).toMatch(/^\/d\d+(\/sub)?$/);
    sh("for i in $(seq 20); do echo x > d$i/sub/f; done", root);
    await seen.converges();
  });

  it("has every entry in the snapshot, the root first", async () => {
    sh("mkdir -p a/b; touch a/f a/b/g; ln -s x l", root);
    const seen = await watching();
    expect([...seen.judge.view.keys()].sort()).toEqual(["/", "/a", "/a/b", "/a/b/g", "/a/f", "/l"]);
    expect([...seen.judge.view.keys()][0]).toBe("/");
    expect(seen.changes).toEqual([]);
  });

  it("keeps the last size of a file that stays open and is not written any more", async () => {
    const seen = await watching();
    const file = openSync(join(root, "log"), "w");
    for (let i = 0; i < 5; i++) writeSync(file, "line\n");
    await seen.converges();
    expect(seen.judge.view.get("/log")?.size).toBe(25);
    const last = seen.changes.filter((change) => change.key === "/log").at(-1);
    expect(last?.row.is_atomic_write).toBe(false);
    closeSync(file);
    await until(() => seen.changes.filter((change) => change.key === "/log").at(-1)?.row.is_atomic_write === true);
  });

  it("waits for a missing root, and sees it when it appears", async () => {
    rmdirSync(root);
    watched = new Watched(root);
    const opened = watched.start();
    await until(() => watched?.source.status().availability.state === "unavailable");
    mkdirSync(root);
    await opened;
    writeFileSync(join(root, "f"), "x");
    await watched.converges();
  });

  it("says of a root that is missing or went away that it is unavailable, and never that it is empty", async () => {
    const { signal } = new AbortController();
    const opened = Promise.resolve();
    /** Rows before the end, and how it ended. */
    const read = async (rows: (source: FsSource) => BulkRows): Promise<string> => {
      let count = 0;
      try {
        for await (const chunk of rows(watched?.source as FsSource).chunks) {
          count += chunk.rowCount;
          chunk.release();
        }
      } catch (error) {
        return `${count} rows, ${isFustorError(error) ? error.code : error}`;
      }
      return `${count} rows, a complete tree`;
    };
    const readAll = (): Promise<string[]> =>
      Promise.all([
        read((source) => source.getSnapshotIterator({ signal })),
        read((source) => source.getAuditIterator({ signal, opened })),
        read((source) => source.scan("/", true, { signal })),
        read((source) => source.rescan(["/"], { signal, opened })),
      ]);
    const gone = Array.from({ length: 4 }, () => "0 rows, FUSTOR_SOURCE_UNAVAILABLE");
    const untilUnavailable = () => until(() => watched?.source.status().availability.state === "unavailable");
    rmdirSync(root);
    watched = new Watched(root);
    await watched.source.open();
    await untilUnavailable();
    expect(await readAll()).toEqual(gone);
    mkdirSync(root);
    await until(() => watched?.source.status().availability.state === "available");
    renameSync(root, join(base, "elsewhere"));
    await untilUnavailable();
    expect(await readAll()).toEqual(gone);
  });

  it("deletes nothing when the root goes away, and converges when it returns", async () => {
    sh("mkdir -p a/b; touch a/b/f", root);
    const seen = await watching();
    renameSync(root, join(base, "elsewhere"));
    await until(() => seen.source.status().availability.state === "unavailable");
    expect(seen.changes.filter((change) => change.op === "delete")).toEqual([]);
    renameSync(join(base, "elsewhere"), root);
    writeFileSync(join(root, "a/new"), "x");
    await seen.converges();
  });

  it("leaves out what does not match the pattern or is excluded, in every phase", async () => {
    sh("mkdir -p skip/deep keep; touch keep/a.txt keep/b.log skip/deep/c.txt", root);
    const seen = await watching({ file_pattern: "*.txt", exclude: ["skip/"] });
    expect([...seen.judge.view.keys()].sort()).toEqual(["/", "/keep", "/keep/a.txt"]);
    sh("touch keep/d.txt keep/e.log skip/f.txt; mkdir skip/more", root);
    await until(() => seen.judge.view.has("/keep/d.txt"));
    expect([...seen.judge.view.keys()].sort()).toEqual(["/", "/keep", "/keep/a.txt", "/keep/d.txt"]);
  });

  const seconds = Number(process.env.FUSTOR_RANDOM_SECONDS ?? 6);
  it("equals the disk after random operations", { timeout: seconds * 1000 + 60_000 }, async () => {
    const seed = Number(process.env.FUSTOR_RANDOM_SEED ?? randomInt(1 << 30));
    process.stdout.write(`random operations: seed ${seed}, ${seconds} s\n`);
    const seen = await watching();
    const random = mulberry32(seed);
    const end = Date.now() + seconds * 1000;
    let operations = 0;
    while (Date.now() < end) {
      for (let i = 0; i < 200; i++) randomOperation(root, base, random);
      operations += 200;
      await new Promise((resolve) => setImmediate(resolve));
      if (random() < 0.2) await seen.converges();
    }
    await seen.converges();
    expect(operations).toBeGreaterThan(0);
  });
});

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function randomOperation(root: string, outside: string, random: () => number): void {
  const pick = (): string => {
    let path = root;
    for (let depth = 0; depth < 4; depth++) {
      path = join(path, `n${Math.floor(random() * 4)}`);
      if (random() < 0.4) break;
    }
    return path;
  };
  const one = pick();
  const two = pick();
  const away = join(outside, `away${Math.floor(random() * 2)}`);
  const operations: (() => void)[] = [
    () => writeFileSync(one, "x".repeat(Math.floor(random() * 50))),
    () => appendFileSync(one, "y"),
    () => mkdirSync(one, { recursive: true }),
    () => renameSync(one, two),
    () => unlinkSync(one),
    () => rmSync(one, { recursive: true, force: true }),
    () => symlinkSync("target", one),
    () => linkSync(one, two),
    () => utimesSync(one, random() * 1e9, random() * 1e9),
    () => truncateSync(one, 1),
    () => renameSync(one, away),
    () => {
      if (existsSync(away)) renameSync(away, two);
    },
    () => {
      if (statSync(one).isDirectory()) for (const name of readdirSync(one)) unlinkSync(join(one, name));
    },
  ];
  try {
    operations[Math.floor(random() * operations.length)]?.();
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
}

const EXPECTED = new Set([
  "ENOENT",
  "EEXIST",
  "ENOTDIR",
  "EISDIR",
  "ENOTEMPTY",
  "EINVAL",
  "EPERM",
  "ELOOP",
  "EXDEV",
  "ERR_FS_EISDIR",
  "ERR_INVALID_ARG_VALUE",
  "EBUSY",
]);
const isExpected = (error: unknown): boolean => EXPECTED.has((error as NodeJS.ErrnoException).code ?? "");
