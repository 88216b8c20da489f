import { describe, expect, it } from "vitest";
import { PATIENCE } from "../../support/patience.ts";
import { elapse, PipeHarness, until } from "../../support/pipe-harness.ts";

/** A small generator with a seed (mulberry32). */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class RandomTree {
  readonly #harness: PipeHarness;
  readonly #random: () => number;

  constructor(harness: PipeHarness, random: () => number) {
    this.#harness = harness;
    this.#random = random;
  }

  plant(): void {
    for (let i = 0; i < 600; i++) this.#create(true);
  }

  step(): void {
    const dice = this.#random();
    if (dice < 0.55) this.#create(false);
    else if (dice < 0.8) this.#rewrite();
    else this.#remove();
  }

  /** From long ago to just now: restored files have old times. */
  #modifiedTime(): number {
    const now = Date.now() / 1000;
    return Math.round(1000 * (this.#random() < 0.4 ? now : now - this.#random() * 1e7)) / 1000;
  }

  #directories(): string[] {
    return [...this.#harness.source.tree.values()].filter((row) => row.is_directory).map((row) => row.path);
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }

  /** Few names, so that paths come back; a file may take a directory's old name and the other way round. */
  #create(quietly: boolean): void {
    const parent = this.#pick(this.#directories()) ?? "/";
    if (parent.split("/").length > 5) return;
    const path = `${parent === "/" ? "" : parent}/n${Math.floor(this.#random() * 12)}`;
    if (this.#harness.source.tree.has(path)) return;
    if (this.#random() < 0.35) this.#harness.source.mkdir(path, this.#modifiedTime(), quietly);
    else this.#harness.source.write(path, Math.floor(this.#random() * 1000), this.#modifiedTime(), quietly);
  }

  #rewrite(): void {
    const file = this.#pick([...this.#harness.source.tree.values()].filter((row) => !row.is_directory));
    if (file !== undefined)
      this.#harness.source.write(file.path, Math.floor(this.#random() * 1000), this.#modifiedTime());
  }

  /** Mostly small things: otherwise the tree is soon empty. */
  #remove(): void {
    const rows = [...this.#harness.source.tree.values()].filter(({ path }) => path !== "/");
    const row = this.#pick(rows);
    if (row === undefined) return;
    const below = rows.filter(({ path }) => path.startsWith(`${row.path}/`)).length;
    if (below < 10 || this.#random() < 0.1) this.#harness.source.remove(row.path);
  }
}

/** `accompanied`: a second session keeps the view from being reset whenever ours is lost. */
async function live(harness: PipeHarness, random: () => number, accompanied: boolean): Promise<void> {
  const tree = new RandomTree(harness, random);
  tree.plant();
  harness.sender.setFaults((call, envelope) => {
    if (call !== "push" || random() > 0.35) return undefined;
    const rows = (envelope?.events ?? []).reduce((sum, event) => sum + event.rows.length, 0);
    const kind = random();
    if (kind < 0.3) return { kind: "fail", code: "FUSTOR_SENDER_UNREACHABLE" };
    if (kind < 0.5) return { kind: "answer_lost" };
    if (kind < 0.6 && rows > 2) return { kind: "fail", code: "FUSTOR_BATCH_TOO_LARGE" };
    return { kind: "slow", delayMs: 30 * random() };
  });
  await harness.start();
  await until(() => harness.fusion.sessions.length > 0);
  if (accompanied) harness.fusion.createSession({ taskId: "other", sourceType: "fs", sourceUri: "/" });
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 8; i++) tree.step();
    const session = harness.fusion.sessions.find((id) => !id.endsWith("other"));
    if (random() < 0.06 && session !== undefined) harness.fusion.expire(session);
    await elapse(random() * 8); // the pace of the changes
  }
  harness.sender.noFaults();
}

const seeds =
  process.env.SEED === undefined
    ? Array.from({ length: 12 }, () => Math.floor(Math.random() * 2 ** 31))
    : [Number(process.env.SEED)];

describe("random changes, faults and lost sessions", () => {
  for (const seed of seeds) {
    const small = seed % 3 === 0;
    const tiny = seed % 6 >= 3;
    const accompanied = seed % 2 === 0;
    const circumstances = `${small ? `, with a queue of 20${tiny ? " that collapses" : ""}` : ""}${accompanied ? ", beside another session" : ""}`;
    it(`leave the view equal to the tree (SEED=${seed}${circumstances})`, {
      timeout: 30_000 * PATIENCE,
    }, async () => {
      const random = dice(seed);
      const harness = new PipeHarness({
        source: { directoryPauseMs: 1, chunkRows: 7, poolChunks: 5, rescans: tiny },
        settings: { batchEvents: 4, eventRows: 5 },
        ...(small ? { bus: { maxChanges: 20, maxBytes: 1e6, maxCoalesced: tiny ? 160 : 10_000 } } : {}),
      });
      await live(harness, random, accompanied);
      // After a loss only an audit makes the view equal, and these pipes send none.
      const isLost = () => harness.lease.busStatus().losses > 0;
      await until(
        () =>
          harness.isSettled &&
          harness.pipe.status().rescans.state === "none" &&
          (isLost() || harness.differences().length === 0),
        () => ({
          differences: harness.differences(),
          status: harness.pipe.status(),
          bus: harness.lease.busStatus(),
        }),
      );
      expect(harness.sender.accepted.filter((push) => push.isEnd && push.events.length > 0)).toEqual([]);
      expect(harness.source.wrongReleases).toBe(0);
      expect(harness.source.chunksOut).toBe(0);
      expect(harness.poison).toEqual([]);
    });
  }
});
