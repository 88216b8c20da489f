/** The contract of a sender, rule by rule, tried on a receiver that the author of the driver hands over. */
import type { Row } from "../changes.ts";
import type { Envelope, EnvelopeEvent, MessageSource, RowData } from "../envelope.ts";
import { silentLogger } from "../observer.ts";
import type { SenderDriver, SenderDriverContext } from "../sender-driver.ts";
import type { CallOptions } from "../source-driver.ts";
import { type ContractCheck, demand, demandEqual, failureCode, soon } from "./contract-check.ts";
import type { MakeWorld } from "./source-scene.ts";

/** What a sender sends to, in the hands of the test. */
export interface SenderWorld {
  /** The rows that arrived, in order. Absent: the receiver cannot be asked. */
  received?(): Promise<readonly Row[]> | readonly Row[];
  /** From now on the receiver does not answer at all (its port is closed, say). Absent: it cannot be taken away. */
  takeAway?(): Promise<void> | void;
  /** A row that the receiver takes, with this path. Default `{ path }` with the members of fs. */
  rowOf?(path: string): Row;
  close?(): Promise<void> | void;
}

/** Makes the driver over a world. */
export type MakeSender<W extends SenderWorld> = (
  world: W,
  context: SenderDriverContext,
) => Promise<SenderDriver> | SenderDriver;

interface Scene {
  readonly world: SenderWorld;
  readonly sender: SenderDriver;
  readonly options: CallOptions;
}

type Play = (scene: Scene) => Promise<void>;

async function staged<W extends SenderWorld>(make: MakeSender<W>, makeWorld: MakeWorld<W>, play: Play): Promise<void> {
  const world = await makeWorld();
  let sender: SenderDriver | undefined;
  try {
    sender = await make(world, { id: "contract", logger: silentLogger });
    await play({ world, sender, options: { signal: new AbortController().signal } });
  } finally {
    if (sender !== undefined) await soon(sender.close(), "close");
    await world.close?.();
  }
}

const fsRow = (path: string): Row => ({
  path,
  file_name: path.slice(path.lastIndexOf("/") + 1),
  size: 1,
  modified_time: 1_700_000_000,
  created_time: 1_700_000_000,
  is_directory: false,
});

const rowIn = ({ world }: Scene, path: string): Row => (world.rowOf ?? fsRow)(path);

const encoder = new TextEncoder();

/** The rows as bytes, in two slices where there are two rows. */
const encoded = (rows: readonly Row[]): RowData & { readonly kind: "encoded" } => ({
  kind: "encoded",
  slices: rows.map((row) => encoder.encode(JSON.stringify(row))),
  count: rows.length,
});

function eventOf(rows: RowData, fields: readonly string[], messageSource: MessageSource): EnvelopeEvent {
  return { eventType: "update", schema: "fs", table: "files", fields, rows, index: 1_700_000_000_000, messageSource };
}

const live = (row: Row): Envelope => ({
  sourceType: "message",
  events: [eventOf({ kind: "objects", rows: [row] }, Object.keys(row), "realtime")],
  isEnd: false,
  snapshotSyncSuggested: false,
});

const bulk = (rows: RowData, fields: readonly string[]): Envelope => ({
  sourceType: "snapshot",
  events: [eventOf(rows, fields, "snapshot")],
  isEnd: false,
  snapshotSyncSuggested: false,
});

const END: Envelope = { sourceType: "snapshot", events: [], isEnd: true, snapshotSyncSuggested: false };
const REQUEST = { taskId: "contract:pipe", sourceType: "fs", sourceUri: "/contract", sessionTimeoutSeconds: 30 };

async function openSession({ sender, options }: Scene): Promise<string> {
  const session = await soon(sender.createSession(REQUEST, options), "createSession");
  demand(typeof session.sessionId === "string" && session.sessionId !== "", "the session has no id");
  demand(session.role === "leader" || session.role === "follower", `the role is ${String(session.role)}`);
  demand(session.sessionTimeoutMs > 0, `the session's timeout is ${session.sessionTimeoutMs}`);
  return session.sessionId;
}

async function pushed({ sender, options }: Scene, sessionId: string, envelope: Envelope): Promise<void> {
  const answer = await soon(sender.push(sessionId, envelope, options), "push");
  demand(typeof answer?.snapshotNeeded === "boolean", `push answered without "snapshotNeeded"`);
}

async function demandReceived({ world }: Scene, rows: readonly Row[]): Promise<void> {
  if (world.received !== undefined) demandEqual(await world.received(), rows, "the rows that arrived");
}

const SESSION: Play = async (scene) => {
  await openSession(scene);
};

const INDEX: Play = async (scene) => {
  const index = await soon(
    scene.sender.getLatestCommittedIndex(await openSession(scene), scene.options),
    "getLatestCommittedIndex",
  );
  demand(index === undefined || Number.isSafeInteger(index), `the index is ${String(index)}`);
};

const HEARTBEAT: Play = async (scene) => {
  const id = await openSession(scene);
  const answer = await soon(scene.sender.heartbeat(id, { canRealtime: true }, scene.options), "heartbeat");
  demand(answer.role === "leader" || answer.role === "follower", `the heartbeat's role is ${String(answer.role)}`);
  demand(Array.isArray(answer.commands), "the heartbeat has no list of commands");
  demand(typeof answer.snapshotNeeded === "boolean", `the heartbeat has no "snapshotNeeded"`);
};

const ROWS: Play = async (scene) => {
  const id = await openSession(scene);
  const rows = ["/a", "/ä \u{1f600}", '/quote"'].map((path) => rowIn(scene, path));
  for (const row of rows) await pushed(scene, id, live(row));
  await demandReceived(scene, rows);
};

const BULK: Play = async (scene) => {
  const id = await openSession(scene);
  const rows = ["/b", "/c"].map((path) => rowIn(scene, path));
  const fields = Object.keys(rows[0] ?? {});
  for (const row of rows) await pushed(scene, id, bulk(encoded([row]), fields));
  await pushed(scene, id, END);
  await demandReceived(scene, rows);
};

/** The pool of the source fills the bytes again as soon as the acknowledgement came. */
const BYTES_GIVEN_BACK: Play = async (scene) => {
  const id = await openSession(scene);
  const row = rowIn(scene, "/given-back");
  const data = encoded([row]);
  await pushed(scene, id, bulk(data, Object.keys(row)));
  for (const slice of data.slices) slice.fill(0x20);
  await pushed(scene, id, END);
  await demandReceived(scene, [row]);
};

const CLOSE_SESSION: Play = async (scene) => {
  const id = await openSession(scene);
  await soon(scene.sender.closeSession(id, scene.options), "closeSession");
  await soon(scene.sender.closeSession(id, scene.options), "closing a session that is gone");
};

const ABORTED: Play = async (scene) => {
  const id = await openSession(scene);
  const options = { signal: AbortSignal.abort() };
  const calls: Readonly<Record<string, () => unknown>> = {
    createSession: () => scene.sender.createSession(REQUEST, options),
    heartbeat: () => scene.sender.heartbeat(id, { canRealtime: true }, options),
    push: () => scene.sender.push(id, END, options),
  };
  for (const [name, call] of Object.entries(calls)) {
    demandEqual(await failureCode(call, `an aborted ${name}`), "FUSTOR_ABORTED", `an aborted ${name} fails with`);
  }
};

const RETRYABLE = ["FUSTOR_SENDER_UNREACHABLE", "FUSTOR_SENDER_BUSY"];

const UNREACHABLE: Play = async (scene) => {
  if (scene.world.takeAway === undefined) return;
  const id = await openSession(scene);
  await scene.world.takeAway();
  const push = () => scene.sender.push(id, live(rowIn(scene, "/lost")), scene.options);
  const code = await failureCode(push, "push to a receiver that is away");
  demand(code !== undefined, "push to a receiver that is away was acknowledged");
  demand(
    RETRYABLE.includes(code),
    `push to a receiver that is away failed with ${code}, not ${RETRYABLE.join(" or ")}`,
  );
};

const CLOSE: Play = async (scene) => {
  await openSession(scene);
  await soon(scene.sender.close(), "close");
  await soon(scene.sender.close(), "a second close");
};

const PLAYS: readonly (readonly [name: string, play: Play])[] = [
  ["opens a session with id, role and timeout", SESSION],
  ["says which index the receiver has, or that it does not know", INDEX],
  ["answers a heartbeat with role and commands", HEARTBEAT],
  ["delivers live rows as they are and in order", ROWS],
  ["delivers rows in bulk, and the end of a snapshot", BULK],
  ["is done with the bytes of a batch when it acknowledges them", BYTES_GIVEN_BACK],
  ["closes a session, and one that is gone", CLOSE_SESSION],
  ["fails with FUSTOR_ABORTED when the signal aborted", ABORTED],
  ["says of a receiver that is away that it is (if the test can take it away)", UNREACHABLE],
  ["closes within its time, twice", CLOSE],
];

/** Every rule that a sender has to keep; each makes a world and a driver of its own. */
export const senderChecks = <W extends SenderWorld>(
  make: MakeSender<W>,
  makeWorld: MakeWorld<W>,
): readonly ContractCheck[] => PLAYS.map(([name, play]) => ({ name, run: () => staged(make, makeWorld, play) }));
