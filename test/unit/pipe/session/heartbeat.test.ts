import { describe, expect, it } from "vitest";
import { Freshness } from "../../../../src/pipe/session/freshness.ts";
import { Heartbeat, type HeartbeatEvent } from "../../../../src/pipe/session/heartbeat.ts";
import { FustorError, type HeartbeatAnswer, type Session } from "../../../../src/sdk/index.ts";
import { CoreSender } from "../../../support/core-sender.ts";
import { fullestWindow } from "../../../support/crowding.ts";
import { seededRandom } from "../../../support/temp-tree.ts";
import { VirtualClock } from "../../../support/virtual-clock.ts";

const TIMEOUT_MS = 30_000;
const INTERVAL_MS = TIMEOUT_MS / 3;
/** The dice give [0, 1). */
const HIGHEST = 1 - 2 ** -53;

interface Beats {
  readonly times: readonly number[];
  end(): Promise<void>;
}

interface Far {
  readonly answers?: boolean;
  /** Neither an answer nor a failure comes, whatever the signal says. */
  readonly hangs?: boolean;
  readonly session?: Partial<Session>;
}

class PromptSender extends CoreSender {
  readonly times: number[] = [];
  readonly #clock: VirtualClock;
  readonly #answers: boolean;
  readonly #hangs: boolean;
  constructor(clock: VirtualClock, answers: boolean, hangs: boolean) {
    super();
    this.#clock = clock;
    this.#answers = answers;
    this.#hangs = hangs;
  }
  override async heartbeat() {
    this.times.push(this.#clock.now());
    if (this.#hangs) await new Promise<never>(() => undefined);
    if (!this.#answers) throw new FustorError("FUSTOR_SENDER_UNREACHABLE", "nobody is there", { retryable: true });
    return { role: "leader", commands: [], snapshotNeeded: false } as const;
  }
}

/** How many of all heartbeats of that turn fall into the fullest window of that width. */
const fullestTurn = (all: readonly (readonly number[])[], turn: number, widthMs: number): number =>
  fullestWindow(
    all.map((times) => times[turn] ?? Number.NaN),
    widthMs,
  );

/** A heartbeat that begins now. */
function beat(clock: VirtualClock, { answers = true, hangs = false, session = {} }: Far = {}): Beats {
  const sender = new PromptSender(clock, answers, hangs);
  const heartbeat = new Heartbeat({
    sender,
    session: { sessionId: "s", role: "leader", sessionTimeoutMs: TIMEOUT_MS, ...session },
    freshness: new Freshness(clock, session.sessionTimeoutMs ?? TIMEOUT_MS, clock.now()),
    ambience: clock,
    stream: { hasPolled: true },
    emit: () => undefined,
  });
  const ending = new AbortController();
  const run = heartbeat.run(ending.signal).catch(() => undefined);
  return {
    times: sender.times,
    end: async () => {
      ending.abort();
      await run;
    },
  };
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((at, before) => at - (times[before] ?? at));

async function gapsWith(dice: number, far: Far = {}, passMs = 10 * INTERVAL_MS): Promise<number[]> {
  const clock = new VirtualClock(() => dice);
  const beats = beat(clock, far);
  await clock.passTo(passMs);
  await beats.end();
  expect(beats.times[0]).toBe(0);
  return gaps(beats.times);
}

/** So many heartbeats that began at one instant, until then. */
async function crowd(count: number, seed: number, far: Far, passMs: number): Promise<readonly (readonly number[])[]> {
  const clock = new VirtualClock(seededRandom(seed));
  const all = Array.from({ length: count }, () => beat(clock, far));
  await clock.passTo(passMs);
  for (const beats of all) await beats.end();
  return all.map(({ times }) => times);
}

describe("heartbeats", () => {
  it("come at once, then a third of the session's timeout apart, or up to a fifth of that sooner", async () => {
    expect(new Set(await gapsWith(0))).toEqual(new Set([INTERVAL_MS]));
    for (const gap of await gapsWith(HIGHEST)) expect(gap).toBeCloseTo(0.8 * INTERVAL_MS);
    for (const gap of await gapsWith(0.5)) expect(gap).toBeCloseTo(0.9 * INTERVAL_MS);
  });

  it("never come sooner than Fusion's least, whatever the dice say", async () => {
    const session = { sessionTimeoutMs: 300, leastHeartbeatMs: 1000 };
    expect(new Set(await gapsWith(HIGHEST, { session }))).toEqual(new Set([1000]));
  });

  it.each([1, 2, 3])("of many pipes that began together come apart (dice %i)", async (seed) => {
    const [count, width] = [200, INTERVAL_MS / 50];
    const all = await crowd(count, seed, {}, 20 * INTERVAL_MS);
    const fullest = (turn: number): number => fullestTurn(all, turn, width);
    expect(fullest(0)).toBe(count);
    // In one fiftieth of the interval: a tenth of an even spread at once, and nearly even after some turns.
    expect(fullest(1)).toBeLessThan(count / 4);
    expect(fullest(15)).toBeLessThan(count / 10);
    for (const times of all) {
      expect(Math.min(...gaps(times))).toBeGreaterThanOrEqual(0.8 * INTERVAL_MS);
      expect(Math.max(...gaps(times))).toBeLessThanOrEqual(INTERVAL_MS);
    }
  });
});

describe("heartbeats that fail", () => {
  it("are tried again after an eighth to a quarter of the interval", async () => {
    const far = { answers: false };
    expect(new Set(await gapsWith(0, far, TIMEOUT_MS / 2))).toEqual(new Set([INTERVAL_MS / 8]));
    for (const gap of await gapsWith(HIGHEST, far, TIMEOUT_MS / 2)) expect(gap).toBeCloseTo(INTERVAL_MS / 4);
  });

  it("are not tried more often than every 50 ms, nor than every quarter of Fusion's least", async () => {
    const answers = false;
    const short = await gapsWith(0, { answers, session: { sessionTimeoutMs: 300 } }, 200);
    expect(new Set(short)).toEqual(new Set([50]));
    const session = { sessionTimeoutMs: 3000, leastHeartbeatMs: 1000 };
    expect(new Set(await gapsWith(0, { answers, session }, 2000))).toEqual(new Set([250]));
  });

  it("by staying without any answer are given up after a third of the timeout, so that others have their time", async () => {
    const gap = INTERVAL_MS + INTERVAL_MS / 8;
    expect(await gapsWith(0, { hangs: true }, TIMEOUT_MS)).toEqual([gap, gap]);
  });

  it.each([1, 2, 3])("with many pipes at one instant are tried again apart (dice %i)", async (seed) => {
    const [count, width] = [200, INTERVAL_MS / 80];
    const all = await crowd(count, seed, { answers: false }, TIMEOUT_MS);
    const fullest = (turn: number): number => fullestTurn(all, turn, width);
    expect(fullest(0)).toBe(count);
    // A tenth of the span in which they may come.
    expect(fullest(1)).toBeLessThan(count / 4);
  });
});

type Answer = () => Promise<HeartbeatAnswer>;
const ANSWER: HeartbeatAnswer = { role: "leader", commands: [], snapshotNeeded: false };
const good: Answer = async () => ANSWER;
const away: Answer = async () => {
  throw new FustorError("FUSTOR_SENDER_UNREACHABLE", "nobody is there", { retryable: true });
};

class ScriptedSender extends CoreSender {
  readonly times: number[] = [];
  readonly #answer: Answer;
  constructor(clock: VirtualClock, answers: readonly Answer[]) {
    super();
    const left = [...answers];
    this.#answer = () => {
      this.times.push(clock.now());
      return (left.shift() ?? good)();
    };
  }
  override heartbeat(): Promise<HeartbeatAnswer> {
    return this.#answer();
  }
}

/** What is reported of heartbeats that are answered like this, and how their run ends. */
const scripted = (clock: VirtualClock, ...answers: readonly Answer[]) => scriptedIn({}, clock, answers);

function scriptedIn(session: Partial<Session>, clock: VirtualClock, answers: readonly Answer[]) {
  const sender = new ScriptedSender(clock, answers);
  const events: HeartbeatEvent[] = [];
  const ending = new AbortController();
  const run = new Heartbeat({
    sender,
    session: { sessionId: "s", role: "leader", sessionTimeoutMs: TIMEOUT_MS, ...session },
    freshness: new Freshness(clock, session.sessionTimeoutMs ?? TIMEOUT_MS, 0),
    ambience: clock,
    stream: { hasPolled: true },
    emit: (event) => events.push(event),
  }).run(ending.signal);
  const codeOf = (error: unknown): string => (error instanceof FustorError ? error.code : String(error));
  const ended = run.then(
    () => "in order",
    (error: unknown) => error,
  );
  const told = (): string[] =>
    events.map((event) =>
      event.kind === "call failed"
        ? codeOf(event.error)
        : `answered at ${event.sentAt}${event.recovered ? ", again" : ""}`,
    );
  return { told, ended, end: () => ending.abort(), times: sender.times, events };
}

describe("what heartbeats report", () => {
  it("is each answer, each failure, and that the one before an answer failed", async () => {
    const clock = new VirtualClock(() => 0);
    const beats = scripted(clock, good, away, away, good, good);
    await clock.passTo(4 * INTERVAL_MS);
    const retry = INTERVAL_MS / 8;
    expect(beats.told()).toEqual([
      "answered at 0",
      ...["FUSTOR_SENDER_UNREACHABLE", "FUSTOR_SENDER_UNREACHABLE"],
      `answered at ${INTERVAL_MS + 2 * retry}, again`,
      `answered at ${2 * INTERVAL_MS + 2 * retry}`,
      `answered at ${3 * INTERVAL_MS + 2 * retry}`,
    ]);
    beats.end();
    expect(await beats.ended).toBe("in order");
  });

  it("is nothing of an answer that comes after the end, whether good or bad", async () => {
    for (const last of [good, away]) {
      const clock = new VirtualClock(() => 0);
      let answer = (): void => undefined;
      const waits = new Promise<void>((resolve) => {
        answer = resolve;
      });
      const beats = scripted(clock, () => waits.then(last));
      await clock.passTo(10);
      beats.end();
      answer();
      expect(await beats.ended).toBe("in order");
      expect(beats.told()).toEqual([]);
    }
  });

  it("is no failure when the session is lost: that ends them", async () => {
    const clock = new VirtualClock(() => 0);
    const lost = new FustorError("FUSTOR_SESSION_LOST", "gone");
    const beats = scripted(clock, () => Promise.reject(lost));
    await clock.passTo(10);
    expect(await beats.ended).toBe(lost);
    expect(beats.told()).toEqual([]);
  });

  it("is that an answer came too late, after a third of the session's timeout, and at last that it expired", async () => {
    const clock = new VirtualClock(() => 0);
    const never: Answer = () => new Promise(() => undefined);
    const beats = scripted(clock, ...Array(9).fill(never));
    await clock.passTo(INTERVAL_MS - 1);
    expect(beats.told()).toEqual([]);
    await clock.passTo(INTERVAL_MS);
    expect(beats.told()).toEqual(["FUSTOR_SENDER_UNREACHABLE"]);
    expect(beats.events).toMatchObject([{ error: { message: "no answer to a heartbeat within 10000 ms" } }]);
    await clock.passTo(2 * TIMEOUT_MS);
    expect(await beats.ended).toMatchObject({ code: "FUSTOR_SESSION_LOST", details: { expired: true } });
    expect(beats.times.at(-1)).toBeLessThan(TIMEOUT_MS);
  });

  it("comes no sooner than Fusion's least, counted from the question, though the session may be lost by then", async () => {
    const clock = new VirtualClock(() => 0);
    const slow: Answer = () => new Promise((resolve) => clock.setTimer(1_000, () => resolve(ANSWER)));
    const beats = scriptedIn({ sessionTimeoutMs: 3_000, leastHeartbeatMs: 4_000 }, clock, [slow]);
    await clock.passTo(7_000);
    expect(beats.times).toEqual([0, 4_000]);
    beats.end();
    await beats.ended;
  });

  it("comes at the same pace however long answers take", async () => {
    const clock = new VirtualClock(() => 0);
    const slow: Answer = () => new Promise((resolve) => clock.setTimer(4_000, () => resolve(ANSWER)));
    const beats = scripted(clock, slow, slow, slow);
    await clock.passTo(2 * INTERVAL_MS);
    expect(beats.times).toEqual([0, INTERVAL_MS, 2 * INTERVAL_MS]);
    beats.end();
    await clock.passTo(3 * INTERVAL_MS);
    await beats.ended;
  });
});
