/**
 * What the agent must know after a crash, behind an interface: `createAgent` takes another store in place of the files in
 * the state of the home. {@link describeStateStore} of `fustor-agent/sdk/testing` tries its rules.
 */
import type { Logger } from "./observer.ts";
import type { SourceStore } from "./source-context.ts";

/** Where a run left its receiver: everything that its source had reported up to there was accepted. */
export interface LeftState {
  readonly session: string;
  /** What the source called that which it had reported (SourceDriver.freeze), or a mark of its stream. */
  readonly generation: string;
  /** An older mark of which the same holds, if the source still goes on from there. */
  readonly earlier?: string;
}

/** Up to where the receiver has everything, as far as a later run can go on from there. */
export interface Checkpoint {
  /** In the source's own words (`position` of a change). */
  readonly position: string;
  /** Wire index of the newest change before it: the receiver has to know of it. */
  readonly index: number;
}

/** What survives a crash. Implemented by agent/state files; a failure to write never stops a pipe. */
export interface PipeStore {
  /** The session of a run that did not end cleanly, to be deleted at start. */
  rememberedSession(): Promise<string | undefined>;
  rememberSession(sessionId: string | undefined): Promise<void>;
  /** Absent: forgotten with the process. */
  readonly deleted?: DeletedStore;
  /**
   * When an earlier run last knew its session to be alive, epoch milliseconds; undefined = nobody knows. Asked once,
   * before the first `noteHeartbeat`.
   */
  lastGoodHeartbeat?(): Promise<number | undefined>;
  /**
   * Called at each good heartbeat; how often it is written down is the store's affair, its last value may be some
   * seconds old.
   */
  noteHeartbeat?(epochMs: number): void;
  /**
   * Whether an earlier run led and had sent every audit that its take-over asked for: nothing of the leaders before it
   * can be on its way. Asked once, before the first `noteTookOver`.
   */
  tookOver?(): Promise<boolean>;
  noteTookOver?(done: boolean): void;
  /** Where the run before left the receiver; undefined = unknown. Forgotten by the call: it counts once. */
  takeLeft?(): Promise<LeftState | undefined>;
  noteLeft?(left: LeftState | undefined): Promise<void>;
  /** What an earlier run noted last; asked once, before the first note. */
  checkpoint?(): Promise<Checkpoint | undefined>;
  /**
   * How often it is written down is the store's affair: a later run then sends some changes again. Undefined, because the
   * receiver lacks something, is written at once.
   */
  noteCheckpoint?(checkpoint: Checkpoint | undefined): void;
  /** Rows of the last snapshot that was completed, by any run: what the next one may expect. */
  lastSnapshotRows?(): number | undefined;
  noteSnapshot?(rows: number): void;
}

/** Keys whose delete was sent: see Tombstones. */
export interface DeletedKeys {
  readonly keys: readonly string[];
  /** Directories whose keys are no longer known one by one. */
  readonly directories: readonly string[];
  /** Nothing is known one by one any more. */
  readonly everything: boolean;
}

/**
 * The deleted keys on disk. What `note` was given has to survive the death of the process (a write without fsync does),
 * not that of the machine. Calls never wait and never throw; their order counts.
 */
export interface DeletedStore {
  /** What earlier runs left, asked once before the first `note`. Undefined = it could not be read: nobody knows. */
  load(): Promise<DeletedKeys | undefined>;
  /** Deletes of these keys are about to be sent. */
  note(keys: readonly string[]): void;
  /** Lifted rows of these keys were accepted. */
  forget(keys: readonly string[]): void;
  /** From now on this is all there is (what was known one by one has collapsed into directories). */
  replace(all: DeletedKeys): void;
}

/** What is stored of a pipe that runs. */
export interface OpenPipeStore extends PipeStore {
  /** Once the pipe has ended. */
  close(): Promise<void>;
}

/**
 * One per agent. Any number of pipes may use it at once. A failure to write is the business of the store, which logs it:
 * no call rejects or throws because of one.
 */
export interface StateStore {
  /**
   * What is stored of one pipe towards one receiver; what it held for another receiver is not handed back. `source`: what
   * its rows are made of, which checkpoints belong to.
   */
  pipeStoreOf(pipe: string, receiver: string, source?: string): OpenPipeStore;
  /** What a source knew of its root when it was last there; only on the same host. */
  sourceStoreOf(source: string): SourceStore;
  /** A file that a source may keep an index in, its folder made; undefined: none is kept. */
  indexPathOf(source: string): Promise<string | undefined>;
  /** Resolves when everything noted so far is kept. */
  flush(): Promise<void>;
}

/** Whose session a remembered one is. */
export interface SessionOwner {
  /** This run, as text to be remembered. */
  readonly self: string;
  /** Whether the run that is named so has ended for certain. */
  isGone(owner: string | undefined): Promise<boolean>;
}

export interface StateStoreContext {
  readonly home: string;
  /** Of this machine. What belongs to a session counts on the same host only. */
  readonly hostId: string;
  /** A session is handed back only when the run that opened it has ended. */
  readonly owner: SessionOwner;
  readonly logger: Logger;
}

/** Called once, before anything starts. What it rejects with keeps the agent from being made. */
export type OpenStateStore = (context: StateStoreContext) => Promise<StateStore>;
