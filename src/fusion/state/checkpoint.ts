/**
 * A Fusion as a file: its head, its sessions, then of each view what is small, the columns of its tree, the names, and
 * an end. Everything is copied at one moment and written afterwards, while the Fusion goes on.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { KEPT_COLUMNS, type TableDump } from "../entry-table.ts";
import type { FusionCore } from "../fusion-core.ts";
import type { SessionRecord } from "../session-registry.ts";
import type { ViewDump } from "../view.ts";
import { type Frame, framePieces, readFrames, UnusableState, writeWhole } from "./frames.ts";
import { TableReader } from "./table-reader.ts";

interface ViewState {
  readonly id: string;
  readonly facts: ViewDump;
  readonly table: TableDump;
}

export interface FusionDump {
  readonly sessions: readonly SessionRecord[];
  readonly statistics: readonly (readonly [string, object])[];
  readonly views: readonly ViewState[];
}

const NAMES_A_FRAME = 16_384;
const BYTES_A_FRAME = 4_194_304;
const PATHS_A_FRAME = 16_384;

export const dumpOf = (core: FusionCore): FusionDump => ({
  sessions: core.everySession().map((session) => ({ ...session, commands: [...session.commands] })),
  statistics: [...core.pipes].map(([id, { statistics }]) => [id, { ...statistics }] as const),
  views: [...core.views.values()].map((view) => ({
    id: view.config.id,
    facts: view.dump(),
    table: view.arbitration.tree.dump(),
  })),
});

/** Writes a new file and syncs it; returns its length. */
export async function writeCheckpoint(path: string, head: object, dump: FusionDump): Promise<number> {
  const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
  const handle = await open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    let end = 0;
    let frames = 0;
    for (const pieces of piecesOf(head, dump)) {
      end = await writeWhole(handle, pieces, end);
      frames++;
    }
    end = await writeWhole(handle, framePieces({ kind: "end", frames }), end);
    await handle.sync();
    return end;
  } finally {
    await handle.close();
  }
}

function* piecesOf(head: object, { sessions, statistics, views }: FusionDump): Generator<readonly Uint8Array[]> {
  yield framePieces(head);
  yield framePieces({ kind: "core" }, json({ sessions, statistics }));
  for (const { id, facts, table } of views) {
    const { tombstones, blindDeletions, ...arbitration } = facts.arbitration;
    const small = { ...facts, arbitration: { ...arbitration, tombstones: [], blindDeletions: [] } };
    yield framePieces({ kind: "view", id, entries: table.names.length }, json(small));
    for (const part of parts(tombstones, PATHS_A_FRAME)) yield framePieces({ kind: "tombstones" }, json(part));
    for (const part of parts(blindDeletions, PATHS_A_FRAME)) yield framePieces({ kind: "deletions" }, json(part));
    yield* tablePieces(table);
  }
}

function* tablePieces({ columns, names }: TableDump): Generator<readonly Uint8Array[]> {
  for (const name of KEPT_COLUMNS) {
    const { buffer, byteOffset, byteLength } = columns[name];
    for (let at = 0; at < byteLength; at += BYTES_A_FRAME) {
      const part = new Uint8Array(buffer, byteOffset + at, Math.min(BYTES_A_FRAME, byteLength - at));
      yield framePieces({ kind: "column", name, at }, part);
    }
  }
  for (const part of parts(names, NAMES_A_FRAME)) yield framePieces({ kind: "names" }, json(part));
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function* parts<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}

/**
 * Reads a checkpoint into a core that is empty. `accept` looks at the head and throws when the file is not for it.
 * Throws {@link UnusableState}; the core is then not to be used.
 */
export async function readCheckpoint<Head>(
  path: string,
  core: FusionCore,
  accept: (head: Frame["head"]) => Head,
): Promise<Head> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await handle.stat();
    const reader = new CheckpointReader(core);
    let head: Head | undefined;
    for await (const frame of readFrames(handle, 0, size)) {
      if (head === undefined) head = accept(frame.head);
      else reader.take(frame);
    }
    if (head === undefined || !reader.isComplete) throw new UnusableState("it is cut");
    return head;
  } finally {
    await handle.close();
  }
}

class CheckpointReader {
  readonly #core: FusionCore;
  #frames = 1;
  #view: { readonly id: string; readonly facts: ViewDump; readonly table: TableReader } | undefined;
  isComplete = false;

  constructor(core: FusionCore) {
    this.#core = core;
  }

  take({ head, body }: Frame): void {
    if (this.isComplete) throw new UnusableState("it goes on behind its end");
    switch (head.kind) {
      case "core":
        this.#takeCore(parsed(body) as Pick<FusionDump, "sessions" | "statistics">);
        break;
      case "view":
        this.#finishView();
        this.#view = {
          id: head.id as string,
          facts: parsed(body) as ViewDump,
          table: new TableReader(head.entries as number),
        };
        break;
      case "tombstones":
        (this.#facts.tombstones as unknown[]).push(...(parsed(body) as unknown[]));
        break;
      case "deletions":
        (this.#facts.blindDeletions as unknown[]).push(...(parsed(body) as unknown[]));
        break;
      case "column":
        this.#view?.table.takeColumn(head.name as string, head.at as number, body);
        break;
      case "names":
        this.#view?.table.takeNames(parsed(body) as string[]);
        break;
      case "end":
        this.#finishView();
        this.isComplete = head.frames === this.#frames;
        break;
      default:
        throw new UnusableState(`it holds an unknown part ${JSON.stringify(head.kind)}`);
    }
    this.#frames++;
  }

  get #facts(): ViewDump["arbitration"] {
    if (this.#view === undefined) throw new UnusableState("a part of it belongs to no view");
    return this.#view.facts.arbitration;
  }

  #takeCore({ sessions, statistics }: Pick<FusionDump, "sessions" | "statistics">): void {
    this.#core.adopt(sessions);
    for (const [id, numbers] of statistics) Object.assign(this.#core.pipes.get(id)?.statistics ?? {}, numbers);
  }

  #finishView(): void {
    if (this.#view === undefined) return;
    const { id, facts, table } = this.#view;
    this.#view = undefined;
    const view = this.#core.views.get(id);
    if (view === undefined) throw new UnusableState(`it holds a view ${id}, which there is not`);
    view.restore(facts);
    view.arbitration.tree.restore(table.whole());
  }
}

const parsed = (body: Buffer): unknown => JSON.parse(body.toString("utf8"));
