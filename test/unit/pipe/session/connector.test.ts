import { setMaxListeners } from "node:events";
import { describe, expect, it, test } from "vitest";
import { type ConnectFailure, Connector } from "../../../../src/pipe/session/connector.ts";
import { FustorError, shortId, silentLogger } from "../../../../src/sdk/index.ts";
import { CoreSender } from "../../../support/core-sender.ts";
import { fullestWindow } from "../../../support/crowding.ts";
import { FakeStore } from "../../../support/fake-store.ts";
import { seededRandom } from "../../../support/temp-tree.ts";
import { VirtualClock } from "../../../support/virtual-clock.ts";

test("of a session's id never more than half is shown, however short it is", () => {
  expect(shortId("99d2f67b-4b1e-4a51-9d3e-0a1b2c3d4e5f")).toBe("99d2f67b");
  expect(shortId("abc123")).toBe("abc");
  expect(shortId("s")).toBe("");
});

const BACKOFF = { firstMs: 5_000, multiplier: 2, maxMs: 60_000, maxConsecutiveErrors: 5 };

interface Attempts {
  readonly times: readonly number[];
  readonly failures: readonly ConnectFailure[];
}

class RefusingSender extends CoreSender {
  readonly times: number[] = [];
  readonly #clock: VirtualClock;
  constructor(clock: VirtualClock) {
    super();
    this.#clock = clock;
  }
  override async createSession(): Promise<never> {
    this.times.push(this.#clock.now());
    throw new FustorError("FUSTOR_SENDER_UNREACHABLE", "nobody is there", { retryable: true });
  }
}

/** So many agents that ask for a session at one instant, again and again until then, of a Fusion that is away. */
async function askTogether(count: number, random: () => number, passMs: number): Promise<readonly Attempts[]> {
  const clock = new VirtualClock(random);
  const ending = new AbortController();
  setMaxListeners(count, ending.signal);
  const agents = Array.from({ length: count }, () => {
    const sender = new RefusingSender(clock);
    const failures: ConnectFailure[] = [];
    const keeper = new Connector({
      sender,
      request: () => ({ taskId: "a:p", sourceType: "fs", sourceUri: "/" }),
      store: new FakeStore(),
      ambience: clock,
      backoff: BACKOFF,
      logger: silentLogger,
      onFailure: (_error, failure) => failures.push(failure),
      onRetry: () => undefined,
    });
    return { times: sender.times, failures, run: keeper.connect(ending.signal) };
  });
  await clock.passTo(passMs);
  ending.abort();
  for (const { run } of agents) await run;
  return agents;
}

describe("a session that is not to be had", () => {
  it("is asked for again after a pause as long as the dice say, which grows", async () => {
    const [agent] = await askTogether(1, () => 0.5, 40_000);
    expect(agent?.failures.map(({ delayMs }) => delayMs).slice(0, 4)).toEqual([2_500, 5_000, 10_000, 20_000]);
    expect(agent?.times).toEqual([0, 2_500, 7_500, 17_500, 37_500]);
  });

  it.each([1, 2, 3])("is asked for apart by many agents that failed together (dice %i)", async (seed) => {
    const count = 200;
    const agents = await askTogether(count, seededRandom(seed), BACKOFF.firstMs);
    expect(agents.every(({ times }) => times[0] === 0)).toBe(true);
    const second = agents.map(({ times }) => times[1] ?? BACKOFF.firstMs);
    expect(Math.min(...second)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...second)).toBeLessThanOrEqual(BACKOFF.firstMs);
    // In a twentieth of the time that they had; ten of them is what an even spread would give.
    expect(fullestWindow(second, BACKOFF.firstMs / 20)).toBeLessThan(count / 5);
  });
});
