/** Each rule of docs/consumer-guide.md that keeps a picture right, tried on the receivers of examples/ with batches by hand. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killChildren } from "../../../test/support/child-process.ts";
import { RECEIVERS, Receiver, type ReceiverName } from "./receivers.ts";

interface Said {
  readonly phase?: "message" | "snapshot" | "audit";
  /** `/d/` is a directory. */
  readonly rows?: readonly string[];
  readonly deleted?: readonly string[];
  readonly skipped?: readonly string[];
  readonly end?: boolean;
  readonly suggested?: boolean;
  readonly session?: string;
  readonly sequence?: number;
}

class Stream {
  readonly #receiver: Receiver;
  #sequence = 0;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  async say(said: Said): Promise<number | boolean> {
    const { phase = "message", rows = [], deleted = [], skipped = [], end = false, session = "one" } = said;
    const { suggested = false } = said;
    this.#sequence = said.sequence ?? this.#sequence + 1;
    const source = phase === "message" ? "realtime" : phase;
    const rowOf = (path: string) => {
      const key = path.length > 1 ? path.replace(/\/$/, "") : path;
      const common = { path: key, is_directory: path.endsWith("/"), size: 1, modified_time: 1, created_time: 1 };
      return skipped.includes(path) ? { ...common, audit_skipped: true } : common;
    };
    const event = (event_type: string, given: readonly object[]) =>
      given.length === 0 ? [] : [{ event_type, message_source: source, index: this.#sequence, rows: given }];
    const body = {
      agent_id: "agent",
      task_id: "rules",
      session_id: session,
      sequence: this.#sequence,
      source_type: phase,
      is_end: end,
      is_snapshot_end: end && phase === "snapshot",
      snapshot_sync_suggested: suggested,
      events: [
        ...event("update", rows.map(rowOf)),
        ...event(
          "delete",
          deleted.map((path) => ({ path })),
        ),
      ],
    };
    const answer = await fetch(new URL("/ingest-batch", this.#receiver.uri), {
      method: "POST",
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    return answer.status === 200 ? (JSON.parse(text) as { snapshot_needed: boolean }).snapshot_needed : answer.status;
  }

  /** A whole snapshot of these. */
  async hold(...rows: readonly string[]): Promise<void> {
    await this.say({ phase: "snapshot", rows });
    expect(await this.say({ phase: "snapshot", end: true })).toBe(false);
  }
}

describe.each(Object.keys(RECEIVERS) as ReceiverName[])("%s", (name) => {
  let receiver: Receiver;
  let stream: Stream;

  beforeAll(() => {
    receiver = new Receiver(name);
  });
  afterAll(killChildren);

  /** The paths that a fresh receiver holds afterwards. */
  async function holds(play: () => Promise<unknown>): Promise<readonly string[]> {
    await receiver.kill();
    await receiver.start();
    stream = new Stream(receiver);
    await play();
    return [...(await receiver.picture()).keys()].sort();
  }

  it("drops what a whole snapshot did not tell, and keeps what a change told meanwhile", async () => {
    const held = await holds(async () => {
      await stream.hold("/", "/gone", "/stays", "/d/", "/d/gone");
      await stream.say({ phase: "snapshot", rows: ["/", "/d/", "/stays"] });
      await stream.say({ rows: ["/fresh"] });
      await stream.say({ phase: "snapshot", end: true });
    });
    expect(held).toEqual(["/", "/d", "/fresh", "/stays"]);
  });

  it("keeps what a change told between the suggestion of a snapshot and its first rows", async () => {
    const held = await holds(async () => {
      await stream.hold("/", "/gone");
      await stream.say({ rows: ["/early"], suggested: true });
      await stream.say({ phase: "snapshot", rows: ["/"], suggested: true });
      await stream.say({ phase: "snapshot", end: true });
    });
    expect(held).toEqual(["/", "/early"]);
  });

  it("keeps what a change told between its own request for a snapshot and the first rows", async () => {
    const held = await holds(async () => {
      expect(await stream.say({ rows: ["/early"] })).toBe(true);
      await stream.hold("/");
    });
    expect(held).toEqual(["/", "/early"]);
  });

  it("counts nothing of before an end, with rows or without, as told by the next snapshot", async () => {
    const held = await holds(async () => {
      await stream.hold("/", "/first");
      await stream.say({ rows: ["/second"], suggested: true });
      await stream.say({ phase: "snapshot", end: true });
      await stream.hold("/");
    });
    expect(held).toEqual(["/"]);
  });

  it("drops nothing at the end of a snapshot without rows", async () => {
    const held = await holds(async () => {
      await stream.hold("/", "/a");
      await stream.say({ phase: "snapshot", end: true });
    });
    expect(held).toEqual(["/", "/a"]);
  });

  it("does not believe a snapshot whose beginning it missed, and asks until it has seen a whole one", async () => {
    const answers: (number | boolean)[] = [];
    const held = await holds(async () => {
      answers.push(await stream.say({ phase: "snapshot", rows: ["/second half"], sequence: 7 }));
      answers.push(await stream.say({ phase: "snapshot", end: true }));
      answers.push(await stream.say({ phase: "snapshot", rows: ["/", "/first half", "/second half"] }));
      answers.push(await stream.say({ phase: "snapshot", end: true }));
    });
    expect(answers).toEqual([true, true, true, false]);
    expect(held).toEqual(["/", "/first half", "/second half"]);
  });

  it("ignores the late twin of a batch, and refuses a session that was replaced", async () => {
    const held = await holds(async () => {
      await stream.hold("/", "/a");
      await stream.say({ deleted: ["/a"], sequence: 3 });
      expect(await stream.say({ rows: ["/a"], sequence: 2 })).toBe(false);
      await stream.say({ rows: ["/b"], session: "two", sequence: 1 });
      expect(await stream.say({ deleted: ["/b"], session: "one", sequence: 4 })).toBe(419);
    });
    expect(held).toEqual(["/", "/b"]);
  });

  it("takes the snapshot of a new session for itself alone", async () => {
    const held = await holds(async () => {
      await stream.hold("/", "/told by the first");
      await stream.say({ phase: "snapshot", rows: ["/", "/told by the first"] });
      await stream.say({ phase: "snapshot", rows: ["/"], session: "two", sequence: 1 });
      await stream.say({ phase: "snapshot", end: true, session: "two" });
    });
    expect(held).toEqual(["/"]);
  });

  it("believes an audit about the directories that it lists, and no other", async () => {
    const held = await holds(async () => {
      await stream.hold("/", "/d/", "/d/gone", "/d/stays", "/skipped/", "/skipped/x", "/unlisted/", "/unlisted/x");
      await stream.say({ phase: "audit", rows: ["/d/"] });
      await stream.say({ phase: "audit", rows: ["/d/stays", "/skipped/"], skipped: ["/skipped/"] });
      await stream.say({ rows: ["/d/fresh"] });
      await stream.say({ phase: "audit", end: true });
    });
    const spared = ["/skipped", "/skipped/x", "/unlisted", "/unlisted/x"];
    expect(held).toEqual(["/", "/d", "/d/fresh", "/d/stays", ...spared]);
  });

  it("drops what lies below a directory that is gone, or is a file now", async () => {
    const held = await holds(async () => {
      await stream.hold("/", "/a/", "/a/b/", "/a/b/c", "/d/", "/d/e");
      await stream.say({ deleted: ["/a", "/never there/x"] });
      await stream.say({ rows: ["/d"] });
    });
    expect(held).toEqual(["/", "/d"]);
  });
});
