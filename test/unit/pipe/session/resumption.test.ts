import { describe, expect, it } from "vitest";
import { type ReceiverFacts, Resumption, type StoppedSession } from "../../../../src/pipe/session/resumption.ts";
import type { Session, SourceDriver } from "../../../../src/sdk/index.ts";
import type { LeftState } from "../../../../src/sdk/state-store.ts";
import { FakeSource } from "../../../support/fake-source.ts";
import { FakeStore } from "../../../support/fake-store.ts";
import { createRecordingLogger } from "../../../support/recording-logger.ts";

const SESSION: Session = { sessionId: "s2", role: "leader", resumed: true, sessionTimeoutMs: 1_000 };
const LEFT: LeftState = { session: "s1", generation: "g1" };

type TakeLeft = () => Promise<LeftState | undefined>;
const left: TakeLeft = async () => LEFT;
const nothing: TakeLeft = async () => undefined;
const unreadable: TakeLeft = () => Promise.reject(new Error("unreadable"));

async function recalled(resumedFrom: string | undefined, takeLeft?: TakeLeft, sets: "marks" | "no marks" = "marks") {
  const kept: (LeftState | undefined)[] = [];
  const marks: string[] = [];
  const logger = createRecordingLogger();
  const noteLeft = async (state: LeftState | undefined): Promise<void> => {
    kept.push(state);
  };
  const store = Object.assign(new FakeStore(), { noteLeft }, takeLeft === undefined ? {} : { takeLeft });
  const onKept = sets === "marks" ? { kept: (mark: string): void => void marks.push(mark) } : {};
  const source: SourceDriver = Object.assign(
    new FakeSource(),
    resumedFrom === undefined ? {} : { resumedFrom },
    onKept,
  );
  const resumption = new Resumption({ source, store, logger });
  await resumption.recall();
  return { resumption, kept, marks, logger, source };
}

describe("a run that goes on where the one before left the receiver", () => {
  it("is one whose source goes on from what that run had reported", async () => {
    const { resumption } = await recalled("g1", left);
    expect(resumption.earlierSession).toBe("s1");
    expect(resumption.stateFor(SESSION, true)).toBe("held");
  });

  it.each([
    ["goes on from something else", "g2", left],
    ["goes on, but the store knows nothing", "g1", nothing],
    ["goes on, but the store cannot be read", "g1", unreadable],
    ["goes on, but nothing is kept", "g1", undefined],
  ] as const)("is refused when the source %s", async (_, from, takeLeft) => {
    const { resumption } = await recalled(from, takeLeft);
    expect(resumption.earlierSession).toBeUndefined();
    expect(resumption.stateFor(SESSION, true)).toBe("refused");
  });

  it("says nothing when the source begins anew", async () => {
    const { resumption } = await recalled(undefined, left);
    expect(resumption.stateFor(SESSION, true)).toBe("none");
    expect(resumption.earlierSession).toBeUndefined();
  });

  it("is refused for any session but the first one of a leader that the receiver resumed", async () => {
    const { resumption } = await recalled("g1", left);
    const { resumed: _, ...unsaid } = SESSION;
    expect([
      resumption.stateFor(SESSION, false),
      resumption.stateFor({ ...SESSION, role: "follower" }, true),
      resumption.stateFor({ ...SESSION, resumed: false }, true),
      resumption.stateFor(unsaid, true),
    ]).toEqual(["refused", "refused", "refused", "refused"]);
  });
});

describe("what a run leaves to one that follows its kill", () => {
  const SEAT = { sessionId: "s3", role: "leader" } as const;
  const DONE = { hasSnapshot: true, hasTakenOver: true };
  const WHOLE: ReceiverFacts = { isComplete: true, dirtyDirectories: 0, mayHoldOthers: true };

  it("is its session with each mark that was reached, and the source hears of it", async () => {
    const { resumption, kept, marks } = await recalled(undefined);
    for (const reached of [undefined, "m1", "m1", undefined, "m2"]) resumption.noteAt(DONE, SEAT, WHOLE, reached);
    await Promise.resolve();
    expect(kept).toEqual([
      { session: "s3", generation: "m1" },
      { session: "s3", generation: "m2", earlier: "m1" },
    ]);
    expect(marks).toEqual(["m2"]);
  });

  it("goes on from a mark of the run before as soon as the receiver has resumed", async () => {
    const { resumption, kept } = await recalled("g1", async () => ({ session: "s1", generation: "m2", earlier: "g1" }));
    expect(resumption.stateFor(SESSION, true)).toBe("held");
    // Nothing of this run was accepted yet.
    resumption.noteAt({ hasSnapshot: false, hasTakenOver: false }, SEAT, { ...WHOLE, isComplete: false }, undefined);
    expect(kept).toEqual([
      { session: "s1", generation: "m2", earlier: "g1" }, // until there is a session
      { session: "s2", generation: "g1" },
    ]);
  });

  it("is nothing when its source sets no marks", async () => {
    const { resumption, kept, source } = await recalled("g1", left, "no marks");
    expect([source.kept, resumption.stateFor(SESSION, true)]).toEqual([undefined, "held"]);
    resumption.noteAt(DONE, SEAT, WHOLE, undefined);
    await resumption.remember();
    expect(kept).toEqual([]);
  });

  it.each([
    ["before its snapshot has ended", { ...DONE, hasSnapshot: false }, SEAT, WHOLE],
    ["before it has taken over", { ...DONE, hasTakenOver: false }, SEAT, WHOLE],
    ["while it follows", DONE, { ...SEAT, role: "follower" } as const, WHOLE],
    ["while directories are to be read again", DONE, SEAT, { ...WHOLE, dirtyDirectories: 1 }],
    ["while the receiver lacks something", DONE, SEAT, { ...WHOLE, isComplete: false }],
  ])("is nothing %s", async (_, session, seat, receiver) => {
    const { resumption, kept } = await recalled(undefined);
    resumption.noteAt(session, seat, receiver, "m1");
    expect(kept).toEqual([]);
  });

  it.each([
    ["another agent leads", DONE, { ...SEAT, role: "follower" } as const, WHOLE],
    ["its take-over begins anew", { ...DONE, hasTakenOver: false }, SEAT, WHOLE],
    ["the receiver has lost something", DONE, SEAT, { ...WHOLE, isComplete: false }],
  ])("is withdrawn when %s, and comes back with the same mark", async (_, session, seat, receiver) => {
    const { resumption, kept } = await recalled(undefined);
    const m1 = { session: "s3", generation: "m1" };
    resumption.noteAt(DONE, SEAT, WHOLE, "m1");
    resumption.noteAt(session, seat, receiver, "m1");
    resumption.noteAt(session, seat, receiver, "m1");
    resumption.noteAt(DONE, SEAT, WHOLE, "m1");
    expect(kept).toEqual([m1, undefined, m1]);
  });

  it("is withdrawn by a stop after which the receiver may lack something", async () => {
    const { resumption, kept } = await recalled(undefined);
    resumption.noteAt(DONE, SEAT, WHOLE, "m1");
    resumption.stopAt(undefined);
    await resumption.remember();
    expect(kept).toEqual([{ session: "s3", generation: "m1" }, undefined]);
  });
});

describe("what a run leaves to the next one", () => {
  const DONE: StoppedSession = { hasDelivered: true, hasTakenOver: true };
  const WHOLE: ReceiverFacts = { isComplete: true, dirtyDirectories: 0, mayHoldOthers: false };

  async function leaving(generation: string | undefined, session: StoppedSession, receiver: ReceiverFacts) {
    const { resumption, kept, logger } = await recalled(undefined);
    resumption.stopAt(generation);
    resumption.noteStopped(session, "s9", receiver);
    await resumption.remember();
    return { left: kept, said: logger.messages() };
  }

  it("is its session, when the receiver holds all that was reported", async () => {
    expect(await leaving("g9", DONE, WHOLE)).toEqual({ left: [{ session: "s9", generation: "g9" }], said: [] });
  });

  it("is nothing when its source did not come to rest", async () => {
    expect(await leaving(undefined, DONE, WHOLE)).toEqual({ left: [], said: [] });
  });

  const UNSENT = "the next start sends everything: the receiver did not accept everything before the stop";
  const NO_LEADER =
    "the next start sends everything: this agent did not lead, or an audit after its take-over was still to come";
  const OTHERS = "the next start sends everything: another agent may have sent deletes";

  it.each([
    [{ ...DONE, hasDelivered: false }, WHOLE, UNSENT],
    [DONE, { ...WHOLE, isComplete: false }, UNSENT],
    [DONE, { ...WHOLE, dirtyDirectories: 1 }, UNSENT],
    [{ ...DONE, hasTakenOver: false }, WHOLE, NO_LEADER],
    [DONE, { ...WHOLE, mayHoldOthers: true }, OTHERS],
  ])("is nothing when there is a doubt: %j %j", async (session, receiver, doubt) => {
    expect(await leaving("g9", session, receiver)).toEqual({ left: [], said: [doubt] });
  });

  it("can be nothing but lost where nothing is kept", async () => {
    const resumption = new Resumption({
      source: new FakeSource(),
      store: new FakeStore(),
      logger: createRecordingLogger(),
    });
    resumption.stopAt("g9");
    resumption.noteStopped(DONE, "s9", WHOLE);
    await expect(resumption.remember()).resolves.toBeUndefined();
  });
});
