import { describe, expect, it } from "vitest";
import { type ConnectFailure, Connector, type OpenSession } from "../../../../src/pipe/session/connector.ts";
import { FustorError, type FustorErrorCode, type Session } from "../../../../src/sdk/index.ts";
import { CoreSender } from "../../../support/core-sender.ts";
import { FakeStore } from "../../../support/fake-store.ts";
import { createRecordingLogger } from "../../../support/recording-logger.ts";
import { atRest, ended, soon } from "../../../support/turns.ts";
import { VirtualClock } from "../../../support/virtual-clock.ts";

const BACKOFF = { firstMs: 1_000, multiplier: 2, maxMs: 60_000, maxConsecutiveErrors: 3 };

/** What a call fails with, or waits for; undefined = it is answered. */
type Answer = Error | Promise<unknown> | undefined;

class PlannedSender extends CoreSender {
  /** "create", "close <id>". */
  readonly calls: string[] = [];
  readonly signals: AbortSignal[] = [];
  creates: Answer[] = [];
  closes: Answer[] = [];

  override async createSession(
    request: Parameters<CoreSender["createSession"]>[0],
    call?: { signal: AbortSignal },
  ): Promise<Session> {
    this.calls.push("create");
    if (call !== undefined) this.signals.push(call.signal);
    await answered(this.creates.shift());
    return super.createSession(request);
  }

  override async closeSession(id: string, call?: { signal: AbortSignal }): Promise<void> {
    this.calls.push(`close ${id}`);
    if (call !== undefined) this.signals.push(call.signal);
    await answered(this.closes.shift());
  }
}

async function answered(answer: Answer): Promise<void> {
  if (answer instanceof Error) throw answer;
  await answer;
}

const failure = (code: FustorErrorCode, retryAfterMs?: number): FustorError =>
  new FustorError(code, code, retryAfterMs === undefined ? {} : { retryAfterMs });

const NEVER = new Promise<never>(() => undefined);

/** A promise that a test settles. */
function later(): { readonly promise: Promise<void>; readonly settle: (error?: Error) => void } {
  let settle = (_?: Error): void => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  return { promise, settle };
}

function stageOf() {
  const clock = new VirtualClock(() => 0.5);
  const sender = new PlannedSender();
  const store = new FakeStore();
  const logger = createRecordingLogger();
  const failures: ConnectFailure[] = [];
  const errors: unknown[] = [];
  const stage = { retries: 0 };
  const connector = new Connector({
    sender,
    store,
    logger,
    ambience: clock,
    backoff: BACKOFF,
    request: () => ({ taskId: "a:p", sourceType: "fs", sourceUri: "/" }),
    onFailure: (error, failed) => {
      errors.push(error);
      failures.push(failed);
    },
    onRetry: () => {
      stage.retries++;
    },
  });
  const stop = new AbortController();
  const connect = (): Promise<OpenSession | undefined> => ended(connector.connect(stop.signal));
  return { clock, sender, store, logger, failures, errors, stage, connector, stop, connect };
}

describe("a session", () => {
  it("is asked for, remembered, and known by when it was asked for", async () => {
    const { clock, store, sender, connect } = stageOf();
    await clock.passTo(70);
    const open = await connect();
    expect(open).toMatchObject({ askedAt: 70, session: { role: "leader" } });
    expect([sender.calls, store.session]).toEqual([["create"], open?.session.sessionId]);
  });

  it("is had although it cannot be remembered", async () => {
    const { store, logger, connect } = stageOf();
    store.rememberSession = async () => {
      throw new Error("the disk is full");
    };
    expect(await connect()).toBeDefined();
    expect(logger.messages()).toEqual(["the session was not remembered for the next start: the disk is full"]);
  });

  it("is not asked for after a stop", async () => {
    const { sender, stop, connect } = stageOf();
    stop.abort();
    expect(await connect()).toBeUndefined();
    expect(sender.calls).toEqual([]);
  });

  it("is not asked for when the stop comes before the request", async () => {
    const { sender, store, stop, connect } = stageOf();
    store.rememberedSession = async () => {
      stop.abort();
      return undefined;
    };
    expect(await connect()).toBeUndefined();
    expect(sender.calls).toEqual([]);
  });

  it("that was asked for again and again begins its pauses anew once it was had", async () => {
    const { clock, sender, failures, errors, stage, connector, stop, connect, logger } = stageOf();
    const refused = failure("FUSTOR_SENDER_KEY_REFUSED");
    sender.creates = [refused, refused, refused, refused];
    const first = connect();
    await clock.passTo(70_000);
    expect(await first).toBeDefined();
    sender.creates = [refused];
    const second = ended(connector.connect(stop.signal));
    await clock.passTo(140_000);
    expect(await second).toBeDefined();
    expect(failures.map(({ delayMs }) => delayMs)).toEqual([500, 1_000, 30_000, 30_000, 500]);
    expect(failures[2]).toEqual({
      code: "FUSTOR_SENDER_KEY_REFUSED",
      reason: "FUSTOR_SENDER_KEY_REFUSED",
      failures: 3,
      delayMs: 30_000,
    });
    expect([errors, stage.retries]).toEqual([[refused, refused, refused, refused, refused], 5]);
    expect(logger.entries.map(({ level }) => level)).toEqual(["warn", "warn", "error", "warn", "warn"]);
  });

  it("is asked for again after as long as the receiver asks and up to a quarter more, or at once when the connector is woken", async () => {
    const { clock, sender, connector, stop, stage } = stageOf();
    sender.creates = [failure("FUSTOR_SENDER_BUSY", 40_000), new Error("no code")];
    const connected = ended(connector.connect(stop.signal));
    await clock.passTo(44_999);
    expect(sender.calls.length).toBe(1);
    await clock.passTo(45_000);
    expect(sender.calls.length).toBe(2);
    connector.wake();
    expect(await connected).toBeDefined();
    expect(stage.retries).toBe(2);
  });

  it("is not asked for again when the stop comes in a pause", async () => {
    const { clock, sender, stop, stage, failures, connect } = stageOf();
    // A system error has a code as well, but none of ours.
    sender.creates = [Object.assign(new Error("no"), { code: "ECONNREFUSED" })];
    const connected = connect();
    await clock.passTo(10);
    stop.abort();
    expect(await connected).toBeUndefined();
    expect([sender.calls, stage.retries, failures[0]?.code]).toEqual([["create"], 0, undefined]);
  });
});

describe("a session that is asked for when the stop comes", () => {
  it("is waited for and closed again", async () => {
    const { sender, store, stop, connect, clock } = stageOf();
    const answer = later();
    sender.creates = [answer.promise];
    const connected = connect();
    await soon(() => sender.calls.length === 1);
    stop.abort();
    await clock.passTo(1_999);
    expect(sender.signals[0]?.aborted).toBe(false);
    answer.settle();
    expect(await connected).toBeUndefined();
    expect(sender.calls).toEqual(["create", expect.stringMatching(/^close session-1/)]);
    expect([store.session, clock.pending]).toEqual([undefined, 0]);
  });

  it("is given up after two seconds, and closed should it come all the same", async () => {
    const { sender, stop, connect, clock, failures } = stageOf();
    const answer = later();
    sender.creates = [answer.promise];
    const connected = connect();
    await soon(() => sender.calls.length === 1);
    stop.abort();
    await clock.passTo(2_000);
    expect(await connected).toBeUndefined();
    expect([sender.signals[0]?.aborted, sender.calls.length]).toEqual([true, 1]);
    answer.settle();
    await atRest();
    expect(sender.calls[1]).toMatch(/^close session-1/);
    expect(failures).toEqual([]);
  });

  it("that fails late leaves nothing to be closed", async () => {
    const { sender, stop, connect, clock } = stageOf();
    const answer = later();
    sender.creates = [answer.promise];
    const connected = connect();
    await soon(() => sender.calls.length === 1);
    stop.abort();
    await clock.passTo(2_000);
    await connected;
    answer.settle(new Error("too late"));
    await atRest();
    expect(sender.calls).toEqual(["create"]);
  });

  it("is not closed a second time when its answer was in time", async () => {
    const { sender, stop, connect, clock } = stageOf();
    await connect();
    stop.abort();
    await clock.passTo(10_000);
    expect([sender.calls, sender.signals[0]?.aborted]).toEqual([["create"], false]);
  });

  it("of which the receiver said no is not closed", async () => {
    const { sender, connector, stop, clock } = stageOf();
    sender.creates = [failure("FUSTOR_SESSION_CONFLICT")];
    const connected = ended(connector.connect(stop.signal));
    await clock.passTo(1_000);
    await connected;
    expect(sender.calls).toEqual(["create", "create"]);
  });
});

describe("a session left behind by a crashed run", () => {
  it("is deleted before the first one is asked for, once", async () => {
    const { sender, store, logger, connect } = stageOf();
    store.session = "ghost-12345";
    await connect();
    await connect();
    expect(sender.calls).toEqual(["close ghost-12345", "create", "create"]);
    expect(logger.messages()).toEqual(["a session left behind was deleted"]);
  });

  it("is not known when the store cannot be read", async () => {
    const { sender, store, connect } = stageOf();
    store.rememberedSession = async () => {
      throw new Error("unreadable");
    };
    expect(await connect()).toBeDefined();
    expect(sender.calls).toEqual(["create"]);
  });

  it.each(["FUSTOR_SENDER_UNREACHABLE", "FUSTOR_SENDER_BUSY"] as const)(
    "is tried again as long as nobody answers (%s)",
    async (code) => {
      const { sender, store, clock, connector, stop, failures } = stageOf();
      store.session = "ghost";
      sender.closes = [failure(code)];
      const connected = ended(connector.connect(stop.signal));
      await clock.passTo(1_000);
      expect(await connected).toBeDefined();
      expect([sender.calls, failures.length]).toEqual([["close ghost", "close ghost", "create"], 1]);
    },
  );

  it("is left alone after any other answer", async () => {
    const { sender, store, logger, failures, connect } = stageOf();
    store.session = "ghost";
    sender.closes = [failure("FUSTOR_SENDER_KEY_REFUSED")];
    expect(await connect()).toBeDefined();
    expect([sender.calls, failures]).toEqual([["close ghost", "create"], []]);
    expect(logger.messages()).toEqual(["a session left behind was not deleted: FUSTOR_SENDER_KEY_REFUSED"]);
  });

  it("does not hold up a stop, and is no failure then", async () => {
    const { sender, store, stop, failures, logger, connect } = stageOf();
    store.session = "ghost";
    sender.closes = [NEVER];
    const connected = connect();
    await soon(() => sender.calls.length === 1);
    stop.abort();
    expect(await connected).toBeUndefined();
    expect([sender.calls, failures, logger.messages()]).toEqual([["close ghost"], [], []]);
  });

  it("is deleted, and no session asked for, when the stop comes with the answer", async () => {
    const { sender, store, stop, connect } = stageOf();
    store.session = "ghost";
    sender.closeSession = async (id) => {
      sender.calls.push(`close ${id}`);
      queueMicrotask(() => stop.abort());
    };
    expect(await connect()).toBeUndefined();
    expect(sender.calls).toEqual(["close ghost"]);
  });
});

describe("after a session was lost", () => {
  const openAt = (askedAt: number): OpenSession => ({
    askedAt,
    session: { sessionId: "old", role: "leader", sessionTimeoutMs: 30_000 },
  });

  /** How long the pause is. */
  async function pauseOf(stage: ReturnType<typeof stageOf>, livedMs: number, isGhost = false): Promise<number> {
    const { clock, connector, stop } = stage;
    const begun = clock.now();
    let over = -1;
    void connector.lost(openAt(begun - livedMs), isGhost, stop.signal).then(() => {
      over = clock.now();
    });
    await clock.passTo(begun + 100_000);
    return over - begun;
  }

  it("the next one is asked for after a moment", async () => {
    expect(await pauseOf(stageOf(), 10_000)).toBe(100);
  });

  it("the pause grows while sessions are short, to ten seconds at most, until one lives", async () => {
    const stage = stageOf();
    const pauses: number[] = [];
    for (let i = 0; i < 12; i++) pauses.push(await pauseOf(stage, 1_999));
    expect(pauses).toEqual([100, 100, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
    expect([await pauseOf(stage, 2_000), await pauseOf(stage, 1_999)]).toEqual([100, 100]);
  });

  it("the receiver may still hold it: then it is deleted before the next one, else not", async () => {
    const stage = stageOf();
    await stage.connect();
    await pauseOf(stage, 10_000, true);
    await stage.connect();
    expect(stage.sender.calls).toEqual(["create", "close old", "create"]);
    await pauseOf(stage, 10_000, false);
    await stage.connect();
    expect(stage.sender.calls).toEqual(["create", "close old", "create", "create"]);
  });

  it("a defect counts as a failed attempt, and its session is deleted", async () => {
    const { clock, connector, stop, failures, sender, stage } = stageOf();
    const connected = ended(connector.connect(stop.signal));
    await connected;
    const defect = new Error("a defect");
    const pause = ended(connector.broke(openAt(0), defect, stop.signal));
    await clock.passTo(500);
    await pause;
    await ended(connector.connect(stop.signal));
    expect(failures).toEqual([{ code: undefined, reason: "a defect", failures: 1, delayMs: 500 }]);
    expect([sender.calls, stage.retries]).toEqual([["create", "close old", "create"], 1]);
  });
});

describe("the end of a session", () => {
  it("is told to the receiver, and the store forgets it", async () => {
    const { store, sender, connector, logger } = stageOf();
    store.session = "s1";
    await ended(connector.close("s1"));
    expect([sender.calls, store.session, logger.messages()]).toEqual([["close s1"], undefined, []]);
  });

  it("takes no longer than two and a half seconds, and stays remembered when it was not told", async () => {
    const { store, sender, connector, logger, clock } = stageOf();
    store.session = "session-1";
    sender.closes = [NEVER];
    const closed = ended(connector.close("session-1"));
    await clock.passTo(2_499);
    expect(sender.signals[0]?.aborted).toBe(false);
    await clock.passTo(2_500);
    await closed;
    expect([sender.signals[0]?.aborted, store.session]).toEqual([true, "session-1"]);
    expect(logger.entries).toMatchObject([{ level: "warn", facts: { session: "sess" } }]);
  });
});

it("closes the sessions of many pipes at once without a warning of Node", async () => {
  const warnings: string[] = [];
  const note = ({ message }: Error): void => void warnings.push(message);
  process.on("warning", note);
  try {
    await Promise.all(Array.from({ length: 20 }, () => stageOf().connector.close("session")));
    await atRest();
  } finally {
    process.off("warning", note);
  }
  expect(warnings).toEqual([]);
});
