/** The contract suites can fail: each driver here breaks one rule, and the check of that rule says so. */
import { describe, expect, it } from "vitest";
import type {
  ChangeOperation,
  Envelope,
  Row,
  SenderDriver,
  Session,
  SessionRequest,
  StreamOptions,
} from "../../../src/sdk/kit.ts";
import { bulkRows, FustorError, rowsOf } from "../../../src/sdk/kit.ts";
import {
  type ContractCheck,
  describeSender,
  describeSource,
  type SenderWorld,
  senderChecks,
  sourceChecks,
} from "../../../src/sdk/testing/contract-suites.ts";
import { MemorySource, MemoryWorld, PositionedSource } from "../../support/memory-source.ts";

/** What the failed checks say, each behind its name. */
async function failuresOf(checks: readonly ContractCheck[]): Promise<readonly string[]> {
  const failures = await Promise.all(
    checks.map(({ name, run }) =>
      run().then(
        () => [],
        (error: Error) => [`${name}: ${error.message}`],
      ),
    ),
  );
  return failures.flat();
}

describeSource(
  (world) => new MemorySource(world),
  () => new MemoryWorld(),
);

describeSource(
  (world) => new PositionedSource(world),
  () => new MemoryWorld(),
);

const brokenSources: Readonly<Record<string, readonly [kind: typeof MemorySource, failure: RegExp]>> = {
  "forgets what came since its position": [
    class extends PositionedSource {
      override getMessageIterator(index: number, options: StreamOptions) {
        if (options.position !== undefined) this.history.length = 0;
        return super.getMessageIterator(index, options);
      }
    },
    /goes on after a position.*the entry .*, which came after 1, did not come/,
  ],
  "loses the position that it told": [
    class extends PositionedSource {
      override getMessageIterator(index: number, { signal }: StreamOptions) {
        return super.getMessageIterator(index, { signal });
      }
    },
    /goes on after a position.*is lost to it/,
  ],
  "leaves out an entry": [
    class extends MemorySource {
      override getSnapshotIterator({ signal }: { signal: AbortSignal }) {
        return bulkRows([...this.world.rows.values()].slice(1), { signal, sequence: () => 1 });
      }
    },
    /every entry once.*keys of the snapshot: expected/,
  ],
  "says an entry twice": [
    class extends MemorySource {
      override getSnapshotIterator({ signal }: { signal: AbortSignal }) {
        const rows = [...this.world.rows.values()];
        return bulkRows([...rows, ...rows.slice(-1)], { signal, sequence: () => 1 });
      }
    },
    /every entry once.*keys of the snapshot/,
  ],
  "has columns that it does not name": [
    class extends MemorySource {
      override readonly fields = ["path"];
    },
    /all fields in order: the members of a row/,
  ],
  "hands over children first": [
    class extends MemorySource {
      override getSnapshotIterator({ signal }: { signal: AbortSignal }) {
        return bulkRows([...this.world.rows.values()].reverse(), { signal, sequence: () => 1 });
      }
    },
    /a container before.*comes before/,
  ],
  "keeps deletes to itself": [
    class extends MemorySource {
      override report(op: ChangeOperation, key: string, row: Row): void {
        if (op !== "delete") super.report(op, key, row);
      }
    },
    /appears, changes and goes.*the delete of .* did not come/,
  ],
  "has a clock that stands still": [
    class extends MemorySource {
      override report(op: ChangeOperation, key: string, row: Row): void {
        this.sequence = 0;
        super.report(op, key, row);
      }
    },
    /the sequences of .* do not grow/,
  ],
  "does not heed the end of a stream": [
    class extends MemorySource {
      override getMessageIterator() {
        return super.getMessageIterator(-1, { signal: new AbortController().signal });
      }
    },
    /ends a stream whose signal aborts.*took longer/,
  ],
  "has no address": [
    class extends MemorySource {
      override readonly uri = "";
    },
    /names its schema.*"uri" is no text/,
  ],
  "opens never": [
    class extends MemorySource {
      override open = (): Promise<void> => new Promise(() => undefined);
    },
    /open took longer than/,
  ],
};

describe("the source contract", { concurrent: true, timeout: 60_000 }, () => {
  it.for(Object.entries(brokenSources))("catches a source that %s", async ([, [Broken, failure]], { expect: own }) => {
    const failures = await failuresOf(
      sourceChecks(
        (world) => new Broken(world),
        () => new MemoryWorld(),
      ),
    );
    own(failures.join("\n")).toMatch(failure);
  });
});

class MemoryReceiver implements SenderWorld {
  readonly rows: Row[] = [];
  isAway = false;

  received(): readonly Row[] {
    return this.rows;
  }

  takeAway(): void {
    this.isAway = true;
  }
}

class MemorySender implements SenderDriver {
  readonly receiver: MemoryReceiver;

  constructor(receiver: MemoryReceiver) {
    this.receiver = receiver;
  }

  throwIfAborted = ({ signal }: { signal: AbortSignal }): void => {
    if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "cancelled");
  };

  async createSession(_: SessionRequest, options: { signal: AbortSignal }): Promise<Session> {
    this.throwIfAborted(options);
    return { sessionId: "1", role: "leader", sessionTimeoutMs: 1000 };
  }

  async getLatestCommittedIndex(): Promise<number | undefined> {
    return undefined;
  }

  async heartbeat(_id: string, _request: object, options: { signal: AbortSignal }) {
    this.throwIfAborted(options);
    return { role: "leader", commands: [], snapshotNeeded: false } as const;
  }

  async push(_id: string, envelope: Envelope, options: { signal: AbortSignal }) {
    this.throwIfAborted(options);
    if (this.receiver.isAway) throw new FustorError("FUSTOR_SENDER_UNREACHABLE", "away", { retryable: true });
    this.keep(envelope);
    return { snapshotNeeded: false };
  }

  keep({ events }: Envelope): void {
    this.receiver.rows.push(...events.flatMap(({ rows }) => rowsOf(rows)));
  }

  async closeSession(): Promise<void> {
    return undefined;
  }

  async close(): Promise<void> {
    return undefined;
  }
}

describeSender(
  (receiver) => new MemorySender(receiver),
  () => new MemoryReceiver(),
);

const brokenSenders: Readonly<Record<string, readonly [kind: typeof MemorySender, failure: RegExp]>> = {
  "loses rows": [
    class extends MemorySender {
      override keep(envelope: Envelope): void {
        if (!this.receiver.rows.some(({ path }) => path === "/a")) super.keep(envelope);
      }
    },
    /live rows as they are.*the rows that arrived/,
  ],
  "turns the order around": [
    class extends MemorySender {
      override keep({ events }: Envelope): void {
        this.receiver.rows.unshift(...events.flatMap(({ rows }) => rowsOf(rows)));
      }
    },
    /in order.*the rows that arrived/,
  ],
  "reads the bytes later": [
    class extends MemorySender {
      override keep({ events }: Envelope): void {
        for (const { rows } of events) {
          if (rows.kind === "objects") this.receiver.rows.push(...rows.rows);
          else queueMicrotask(() => setImmediate(() => this.receiver.rows.push(...rowsOf(rows))));
        }
      }
    },
    /rows in bulk.*the rows that arrived|done with the bytes/,
  ],
  "acknowledges nothing": [
    class extends MemorySender {
      override push = async () => undefined as never;
    },
    /push answered without/,
  ],
  "does not heed its signal": [
    class extends MemorySender {
      override throwIfAborted = (): void => undefined;
    },
    /FUSTOR_ABORTED when the signal aborted/,
  ],
  "acknowledges what a receiver that is away never got": [
    class extends MemorySender {
      override push = async () => ({ snapshotNeeded: false });
    },
    /away was acknowledged/,
  ],
  "has no sessions' ids": [
    class extends MemorySender {
      override createSession = async (): Promise<Session> => ({ sessionId: "", role: "leader", sessionTimeoutMs: 1 });
    },
    /the session has no id/,
  ],
  "fails to close twice": [
    class extends MemorySender {
      #isClosed = false;
      override close = async () => {
        if (this.#isClosed) throw new Error("closed already");
        this.#isClosed = true;
      };
    },
    /closed already/,
  ],
};

describe("the sender contract", { timeout: 60_000 }, () => {
  it.for(Object.entries(brokenSenders))("catches a sender that %s", async ([, [Broken, failure]]) => {
    const failures = await failuresOf(
      senderChecks(
        (receiver) => new Broken(receiver),
        () => new MemoryReceiver(),
      ),
    );
    expect(failures.join("\n")).toMatch(failure);
  });
});
