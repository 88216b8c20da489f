/**
 * What the agent must know after a crash: `state/` in the home.
 *
 * `pipes.json` holds per pipe the session, the last good heartbeat, whether a take-over's audits are done, the size of
 * the last snapshot and the source's own position, and per source what its root was; the previous generation lies beside it.
 * `index/<source>/` holds what a source had reported when the run before was stopped in order.
 * `deleted/<pipe>.journal` holds the keys whose delete was sent (deleted-journal.ts).
 *
 * What belongs to a session is handed back only on the same host, for the same receiver and the same pipe, and the
 * session itself only when the run that opened it has ended for certain: deleting a session that belongs to somebody
 * else (a home copied to a second machine, a receiver moved) would throw out a healthy agent.
 *
 * Pending changes are not kept: the snapshot after a restart repairs what they would have told.
 */
import { join } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import { describeError, type Logger, type SourceStore } from "../../sdk/index.ts";
import type { OpenPipeStore, SessionOwner, StateStore } from "../../sdk/state-store.ts";
import { DeletedJournal } from "./deleted-journal.ts";
import { ensureFolder, writeDurably } from "./durable-file.ts";
import { fileNameOf } from "./file-name.ts";
import { formatState, type RememberedPipe, type StoredState } from "./state-file.ts";
import { recallState } from "./state-generations.ts";

/** A heartbeat is worth a write to the disk this often, for all pipes together. */
const HEARTBEAT_WRITE_MS = 10_000;
/** A further checkpoint is: what came since is sent again after a crash. */
const CHECKPOINT_WRITE_MS = 1_000;

export interface StateStoreOptions {
  /** Milliseconds that never go back. */
  readonly now?: () => number;
  /** Default: every earlier run has ended. */
  readonly owner?: SessionOwner;
}

const ANYBODY: SessionOwner = { self: "", isGone: async () => true };

/** One per agent. Any number of pipes may use it at once; writes are put in a row and the newest state wins. */
export class FileStateStore implements StateStore {
  readonly folder: string;
  readonly #path: string;
  readonly #previous: string;
  readonly #logger: Logger;
  readonly #hostId: string;
  readonly #state: StoredState;
  readonly #now: () => number;
  readonly #owner: SessionOwner;
  #heartbeatWrittenAt = Number.NEGATIVE_INFINITY;
  #checkpointWrittenAt = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> = Promise.resolve();
  /** A write that has not begun yet: it will hold what is changed until then. */
  #queued: Promise<void> | undefined;

  private constructor(
    folder: string,
    hostId: string,
    logger: Logger,
    state: StoredState,
    now: () => number,
    owner: SessionOwner,
  ) {
    this.#owner = owner;
    this.folder = folder;
    this.#path = join(folder, "pipes.json");
    this.#previous = join(folder, "pipes.json.bak");
    this.#hostId = hostId;
    this.#logger = logger;
    this.#state = state;
    this.#now = now;
  }

  /** Never fails because of what the files hold; says so instead. */
  static async open(
    home: string,
    hostId: string,
    logger: Logger,
    { now = () => performance.now(), owner = ANYBODY }: StateStoreOptions = {},
  ): Promise<FileStateStore> {
    const folder = join(home, "state");
    await ensureFolder(folder).catch((error: unknown) => {
      throw fileTrouble(error, folder, "made");
    });
    return new FileStateStore(folder, hostId, logger, await recallState(folder, logger), now, owner);
  }

  /** What is stored of one pipe towards one receiver. `source`: what its rows are made of, which checkpoints belong to. */
  pipeStoreOf(pipe: string, receiver: string, source = ""): OpenPipeStore {
    const known = (): RememberedPipe | undefined => {
      const entry = this.#state.pipes.get(pipe);
      return entry?.hostId === this.#hostId && entry.receiver === receiver && entry.pipe === pipe ? entry : undefined;
    };
    const update = (change: Partial<Record<keyof RememberedPipe, RememberedPipe[keyof RememberedPipe]>>): void => {
      const entry = { ...known(), ...change, pipe, hostId: this.#hostId, receiver };
      const present = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
      this.#state.pipes.set(pipe, present as unknown as RememberedPipe);
    };
    const deleted = new DeletedJournal({
      path: join(this.folder, "deleted", `${fileNameOf(pipe)}.journal`),
      receiver,
      logger: this.#logger.child({ pipe }),
      now: this.#now,
    });
    return {
      deleted,
      close: () => deleted.close(),
      rememberedSession: async () => {
        const { session, owner } = known() ?? {};
        if (session === undefined || (await this.#owner.isGone(owner))) return session;
        this.#logger.warn(
          { pipe },
          "the session of an earlier run is left to expire: whether that run has ended is not certain",
        );
        return undefined;
      },
      rememberSession: async (session) => {
        update({ session, owner: session === undefined ? undefined : this.#owner.self });
        await this.#write();
      },
      lastGoodHeartbeat: async () => known()?.lastGoodHeartbeat,
      noteHeartbeat: (epochMs) => {
        update({ lastGoodHeartbeat: epochMs });
        this.#writeHeartbeats();
      },
      tookOver: async () => known()?.tookOver ?? false,
      noteTookOver: (done) => {
        if ((known()?.tookOver ?? false) === done) return;
        update({ tookOver: done });
        void this.#write();
      },
      takeLeft: async () => {
        const left = known()?.left;
        if (left === undefined) return undefined;
        update({ left: undefined });
        await this.#write();
        return left;
      },
      noteLeft: async (left) => {
        update({ left });
        await this.#write();
      },
      checkpoint: async () => {
        const { checkpoint } = known() ?? {};
        return checkpoint?.source === source ? { position: checkpoint.position, index: checkpoint.index } : undefined;
      },
      noteCheckpoint: (checkpoint) => {
        if (checkpoint === undefined && known()?.checkpoint === undefined) return;
        update({ checkpoint: checkpoint && { ...checkpoint, source } });
        if (checkpoint === undefined) void this.#write();
        else this.#writeCheckpoints();
      },
      lastSnapshotRows: () => known()?.snapshotRows,
      noteSnapshot: (rows) => {
        update({ snapshotRows: rows });
        void this.#write();
      },
    };
  }

  /** What a source knew of its root when it was last there; only on the same host. */
  sourceStoreOf(source: string): SourceStore {
    return {
      recall: () => {
        const entry = this.#state.sources.get(source);
        return entry?.hostId === this.#hostId ? entry.rootIdentity : undefined;
      },
      remember: (rootIdentity) => {
        const entry = this.#state.sources.get(source);
        if (entry?.hostId === this.#hostId && entry.rootIdentity === rootIdentity) return;
        this.#state.sources.set(source, { hostId: this.#hostId, rootIdentity });
        void this.#write();
      },
    };
  }

  /** Where a source may keep what it knows; undefined when no folder for it can be made. */
  async indexPathOf(source: string): Promise<string | undefined> {
    const folder = join(this.folder, "index", fileNameOf(source));
    try {
      await ensureFolder(join(this.folder, "index"));
      await ensureFolder(folder);
      return join(folder, "tree.index");
    } catch (error) {
      this.#logger.warn({ folder }, `no index is kept, every start sends everything: ${describeError(error)}`);
      return undefined;
    }
  }

  /** Resolves when everything noted so far is written. */
  flush(): Promise<void> {
    return this.#write();
  }

  #writeHeartbeats(): void {
    if (this.#now() - this.#heartbeatWrittenAt < HEARTBEAT_WRITE_MS) return;
    this.#heartbeatWrittenAt = this.#now();
    void this.#write();
  }

  #writeCheckpoints(): void {
    if (this.#now() - this.#checkpointWrittenAt < CHECKPOINT_WRITE_MS) return;
    this.#checkpointWrittenAt = this.#now();
    void this.#write();
  }

  /** Never rejects. */
  #write(): Promise<void> {
    if (this.#queued !== undefined) return this.#queued;
    const queued = this.#writing.then(async () => {
      this.#queued = undefined;
      try {
        await writeDurably(this.#path, formatState(this.#state), this.#previous);
      } catch (error) {
        this.#logger.warn({ file: this.#path }, `the state was not saved: ${describeError(error)}`);
      }
    });
    this.#queued = queued;
    this.#writing = queued;
    return queued;
  }
}
