import { describe, expect, it } from "vitest";
import { type ReceiverFacts, Resumption, type StoppedSession } from "../../../../src/pipe/session/resumption.ts";
import type { Session } from "../../../../src/sdk/index.ts";
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

async function recalled(resumedFrom: string | undefined, takeLeft?: TakeLeft) {
  const kept: LeftState[] = [];
  const logger = createRecordingLogger();
  const noteLeft = async (state: LeftState): Promise<void> => {
    kept.push(state);
  };
  const store = Object.assign(new FakeStore(), { noteLeft }, takeLeft === undefined ? {} : { takeLeft });
  const source = Object.assign(new FakeSource(), resumedFrom === undefined ? {} : { resumedFrom });
  const resumption = new Resumption({ source, store, logger });
  await resumption.recall();
  return { resumption, kept, logger };
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
