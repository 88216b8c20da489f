/**
 * A source for tests: a tree in memory that behaves like the real one. Every operation changes the tree and announces it; the
 * snapshot reads the tree directory by directory while it goes on changing.
 */
import {
  type AuditOptions,
  type BulkRows,
  type CallOptions,
  type Change,
  type ChangeBatch,
  encodeRows,
  type FsRow,
  FustorError,
  type MessageStream,
  type RescanOptions,
  type Row,
  type RowChunk,
  type SnapshotOptions,
  type SourceAvailability,
  type SourceDriver,
  type SourceStatus,
  type StreamOptions,
  type Verified,
} from "../../src/sdk/index.ts";
import { parentKey } from "../../src/sdk/parent-key.ts";

export interface FakeSourceOptions {
  /** Rows of a chunk. Default 50. */
  readonly chunkRows?: number;
  /** Chunks in the pool. Default 8. */
  readonly poolChunks?: number;
  /** Milliseconds between two directories of a snapshot, so that the stream can overtake it. Default 0: a turn of the loop. */
  readonly directoryPauseMs?: number;
  /** The stream can start at any position. Default false. */
  readonly keepsHistory?: boolean;
  /** It has positions of its own, and keeps every change. Default false. */
  readonly positions?: boolean;
  /** Directories can be told again. Default false: whatever is lost needs a snapshot. */
  readonly rescans?: boolean;
  /** It finds what was changed since a second without reading everything. Default false. */
  readonly findsChanges?: boolean;
  /** Further columns of rows in bulk, which no part of the agent knows. They come before all others. */
  readonly furtherColumns?: Row;
}

const parentOf = (path: string): string => parentKey(path) ?? "";
const isBelow = (path: string, directory: string): boolean =>
  path !== directory && path.startsWith(directory === "/" ? "/" : `${directory}/`);

type IsStrong = (row: Row) => boolean;

export class FakeSource implements SourceDriver {
  readonly schema = "fs";
  readonly table = "files";
  readonly fields = ["path", "file_name", "size", "modified_time", "created_time", "is_directory"];
  readonly uri = "/fake";

  readonly rescan?: NonNullable<SourceDriver["rescan"]>;
  readonly changedSince?: NonNullable<SourceDriver["changedSince"]>;
  /** The directories of each rescan that was begun. */
  readonly rescanned: (readonly string[])[] = [];

  readonly #options: Required<FakeSourceOptions>;
  readonly #tree = new Map<string, FsRow>();
  readonly #listeners = new Set<(availability: SourceAvailability) => void>();
  #pending: Change[] = [];
  #isClosed = false;
  #wake: () => void = () => undefined;
  #sequence = 0;
  #availability: SourceAvailability = { state: "available" };
  #streamFault: Error | undefined;
  #snapshotFault: { readonly error: Error; afterChunks: number } | undefined;
  #chunksOut = 0;
  #freed: () => void = () => undefined;

  opens = 0;
  closes = 0;
  /** Positions that streams were opened at. */
  readonly streams: number[] = [];
  /** Positions of its own that streams were opened at. */
  readonly positions: (string | undefined)[] = [];
  /** With positions of its own: every change. */
  readonly history: Change[] = [];
  snapshots = 0;
  audits = 0;
  restatements = 0;
  /** Directories that cannot be listed. */
  readonly unlistable = new Set<string>();
  /** Chunks released twice or after the source forgot them: always a defect of the consumer. */
  wrongReleases = 0;

  constructor(options: FakeSourceOptions = {}) {
    this.#options = {
      chunkRows: 50,
      poolChunks: 8,
      directoryPauseMs: 0,
      keepsHistory: false,
      positions: false,
      rescans: false,
      findsChanges: false,
      furtherColumns: {},
      ...options,
    };
    this.#set("/", 0, 1_700_000_000, true);
    if (this.#options.rescans) this.rescan = (directories, call) => this.#rescan(directories, call);
    if (this.#options.findsChanges) this.changedSince = (second, call) => this.#changedSince(second, call);
  }

  /** Path -> row of everything there is, the root included. */
  get tree(): ReadonlyMap<string, FsRow> {
    return this.#tree;
  }

  /** Chunks handed out and not released. */
  get chunksOut(): number {
    return this.#chunksOut;
  }

  // What happens to the tree. `quietly` keeps it from the stream, as if it had happened before.

  write(path: string, size: number, modifiedTime: number = Date.now() / 1000, quietly = false): void {
    const known = this.#tree.has(path);
    const row = this.#set(path, size, modifiedTime, false);
    if (!quietly) this.#announce(known ? "update" : "insert", path, { ...row, is_atomic_write: true }, false);
  }

  mkdir(path: string, modifiedTime: number = Date.now() / 1000, quietly = false): void {
    const row = this.#set(path, 4096, modifiedTime, true);
    if (!quietly) this.#announce("insert", path, row, true);
  }

  /** With everything below; announced as one delete. */
  remove(path: string): void {
    const row = this.#tree.get(path);
    if (row === undefined) return;
    for (const key of [...this.#tree.keys()]) if (key === path || isBelow(key, path)) this.#tree.delete(key);
    this.#announce("delete", path, { path }, row.is_directory);
  }

  // Faults.

  /** The stream that runs throws (or ends, without an error) at its next turn. */
  breakStream(error?: Error): void {
    this.#streamFault = error ?? new EndOfStream();
    this.#wake();
  }

  /** Gone, and nobody is told. */
  removeQuietly(path: string): void {
    for (const key of [...this.#tree.keys()]) if (key === path || isBelow(key, path)) this.#tree.delete(key);
  }

  /** The next snapshot or audit throws after so many chunks. */
  breakSnapshot(error: Error, afterChunks: number): void {
    this.#snapshotFault = { error, afterChunks };
  }

  setAvailability(availability: SourceAvailability): void {
    this.#availability = availability;
    for (const listener of this.#listeners) listener(availability);
  }

  // The driver.

  async open(_call?: CallOptions): Promise<void> {
    this.opens++;
    this.#isClosed = false;
  }

  getMessageIterator(startPosition: number, options: StreamOptions): MessageStream {
    this.streams.push(startPosition);
    if (this.#options.positions) return this.#positioned(options);
    return { batches: this.#batches(options.signal), positionLost: !this.#options.keepsHistory };
  }

  #positioned({ signal, position }: StreamOptions): MessageStream {
    this.positions.push(position);
    const at = position === undefined ? this.history.length : Number(position);
    this.#pending = this.history.slice(at);
    return { batches: this.#batches(signal), positionLost: position === undefined, position: String(at) };
  }

  getSnapshotIterator({ signal, strongSince = Number.POSITIVE_INFINITY }: SnapshotOptions): BulkRows {
    this.snapshots++;
    let rows = 0;
    const count = (added: number): void => {
      rows += added;
    };
    const isStrong = this.#strong(({ created_time: created }) => created >= strongSince);
    return { chunks: this.#chunks(signal, count, isStrong), progress: () => ({ rows }) };
  }

  #changedSince(second: number, { signal }: CallOptions): BulkRows {
    this.restatements++;
    const isStrong = this.#strong(({ created_time: created }) => created >= second);
    let rows = 0;
    const count = (added: number): void => {
      rows += added;
    };
    const changed = [...this.#tree.values()].filter(isStrong);
    return { chunks: this.#inChunks(changed, this.#sequence, { signal, count, isStrong }), progress: () => ({ rows }) };
  }

  getAuditIterator(options: AuditOptions): BulkRows {
    this.audits++;
    let rows = 0;
    const count = (added: number): void => {
      rows += added;
    };
    return { chunks: this.#auditChunks(options, count), progress: () => ({ rows }) };
  }

  async verify(keys: readonly string[]): Promise<readonly Verified[]> {
    return keys.map((key) => {
      const row = this.#tree.get(key);
      return row === undefined ? { key, exists: false } : { key, exists: true, row };
    });
  }

  scan(key: string, recursive: boolean, options: CallOptions): BulkRows {
    let rows = 0;
    const count = (added: number): void => {
      rows += added;
    };
    return { chunks: this.#scanChunks(key, recursive, options.signal, count), progress: () => ({ rows }) };
  }

  status(): SourceStatus {
    return { availability: this.#availability, entries: this.#tree.size };
  }

  onAvailability(listener: (availability: SourceAvailability) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.closes++;
    this.#isClosed = true;
    this.#wake();
  }

  #set(path: string, size: number, modifiedTime: number, isDirectory: boolean): FsRow {
    const row: FsRow = {
      path,
      file_name: path.slice(path.lastIndexOf("/") + 1),
      size,
      modified_time: modifiedTime,
      created_time: modifiedTime,
      is_directory: isDirectory,
    };
    this.#tree.set(path, row);
    return row;
  }

  #announce(op: Change["op"], key: string, row: FsRow | { readonly path: string }, isContainer: boolean): void {
    const change = { op, key, row: { ...row }, sequence: ++this.#sequence, isContainer };
    if (this.#options.positions) this.history.push({ ...change, position: String(this.history.length + 1) });
    this.#pending.push(this.history.at(-1) ?? change);
    this.#wake();
  }

  async *#batches(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    while (!signal.aborted && !this.#isClosed) {
      const fault = this.#streamFault;
      this.#streamFault = undefined;
      if (fault instanceof EndOfStream) return;
      if (fault !== undefined) throw fault;
      const changes = this.#pending;
      this.#pending = [];
      if (changes.length > 0) yield { changes, sizeBytes: changes.length * 200, lagMs: 1 };
      else await this.#nextEvent(signal);
    }
  }

  #nextEvent(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener("abort", done);
      if (this.#pending.length > 0 || signal.aborted || this.#isClosed) done();
    });
  }

  /** Whether the row or a directory above it was changed so; the root does not count. */
  #strong(isChanged: (row: FsRow) => boolean): IsStrong {
    return ({ path }) => {
      for (let at = String(path); at !== "/"; at = parentOf(at)) {
        const row = this.#tree.get(at);
        if (row !== undefined && isChanged(row)) return true;
      }
      return false;
    };
  }

  async *#chunks(signal: AbortSignal, count: (rows: number) => void, isStrong: IsStrong): AsyncGenerator<RowChunk> {
    let chunks = 0;
    for await (const { rows, sequences } of this.#groups(signal)) {
      yield* this.#inChunks(rows, sequences, { signal, count, isStrong, before: chunks });
      if (signal.aborted) return;
      chunks += Math.ceil(rows.length / this.#options.chunkRows);
    }
    this.#throwIfFaulty(chunks);
  }

  #throwIfFaulty(chunks: number): void {
    if (this.#availability.state === "unavailable") {
      throw new FustorError("FUSTOR_SOURCE_UNAVAILABLE", this.#availability.reason, { retryable: true });
    }
    const fault = this.#snapshotFault;
    if (fault === undefined || chunks < fault.afterChunks) return;
    this.#snapshotFault = undefined;
    throw fault.error;
  }

  /** The root's own row, then one directory after the other as it is at that moment. */
  async *#groups(signal: AbortSignal): AsyncGenerator<{ rows: FsRow[]; sequences: number }> {
    const root = this.#tree.get("/");
    if (root !== undefined) yield { rows: [root], sequences: this.#sequence };
    const directories = ["/"];
    for (let directory = directories.shift(); directory !== undefined; directory = directories.shift()) {
      if (signal.aborted) return;
      const sequences = this.#sequence;
      const rows = [...this.#tree.values()].filter((row) => row.path !== "/" && parentOf(row.path) === directory);
      for (const row of rows) if (row.is_directory) directories.push(row.path);
      yield { rows, sequences };
      await this.#pause();
    }
  }

  /** Between two directories. */
  #pause(): Promise<void> {
    const { directoryPauseMs } = this.#options;
    return new Promise((resolve) => {
      if (directoryPauseMs > 0) setTimeout(resolve, directoryPauseMs);
      else setImmediate(resolve);
    });
  }

  async *#auditChunks(
    { signal, opened, strongSince = Number.POSITIVE_INFINITY }: AuditOptions,
    count: (rows: number) => void,
  ): AsyncGenerator<RowChunk> {
    let chunks = 0;
    const isStrong = this.#strong((row) => row.created_time >= strongSince && row.modified_time < row.created_time);
    this.#throwIfFaulty(chunks++);
    count(1);
    yield this.#chunk([this.#tree.get("/") as FsRow], ++this.#sequence);
    await Promise.race([opened, new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))]);
    for (const pending = ["/"]; pending.length > 0 && !signal.aborted; ) {
      const directory = pending.shift() as string;
      const own = this.#tree.get(directory);
      if (own === undefined) continue;
      const skipped = this.unlistable.has(directory);
      const children = skipped ? [] : [...this.#tree.values()].filter(({ path }) => parentOf(path) === directory);
      for (const child of children) if (child.is_directory) pending.push(child.path);
      const files = children.filter(({ is_directory }) => !is_directory);
      const listed = files.map((row) => ({ ...row, parent_path: directory, parent_mtime: own.modified_time }));
      const rows = [skipped ? { ...own, audit_skipped: true } : own, ...listed];
      yield* this.#inChunks(rows, ++this.#sequence, { signal, count, isStrong, before: chunks });
      if (signal.aborted) return;
      chunks += Math.ceil(rows.length / this.#options.chunkRows);
      await this.#pause();
    }
  }

  #rescan(directories: readonly string[], options: RescanOptions): BulkRows {
    this.rescanned.push(directories);
    let rows = 0;
    const count = (added: number): void => {
      rows += added;
    };
    return { chunks: this.#rescanChunks(directories, options, count), progress: () => ({ rows }) };
  }

  async *#rescanChunks(
    directories: readonly string[],
    { signal, opened }: RescanOptions,
    count: (rows: number) => void,
  ): AsyncGenerator<RowChunk> {
    const first = directories.find((path) => this.#tree.has(path));
    if (first === undefined) return;
    yield* this.#scanChunks(first, false, signal, count);
    await Promise.race([opened, new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))]);
    for (const directory of directories) {
      if (signal.aborted) return;
      if (this.unlistable.has(directory)) throw new FustorError("FUSTOR_SOURCE_UNAVAILABLE", "no", { retryable: true });
      const own = this.#tree.get(directory);
      const children = [...this.#tree.values()].filter(({ path }) => parentOf(path) === directory);
      if (own !== undefined) yield* this.#inChunks([own, ...children], ++this.#sequence, { signal, count });
      await this.#pause();
    }
  }

  async *#scanChunks(
    key: string,
    recursive: boolean,
    signal: AbortSignal,
    count: (rows: number) => void,
  ): AsyncGenerator<RowChunk> {
    if (key.includes("..")) throw new FustorError("FUSTOR_SOURCE_PATH_REFUSED", `${key} is refused`);
    const rows = [...this.#tree.values()].filter(({ path }) => path === key || (recursive && isBelow(path, key)));
    yield* this.#inChunks(rows, ++this.#sequence, { signal, count });
  }

  async *#inChunks(
    rows: readonly FsRow[],
    sequence: number,
    { signal, count, isStrong, before = 0 }: ChunkStream,
  ): AsyncGenerator<RowChunk> {
    for (let from = 0; from < rows.length; from += this.#options.chunkRows) {
      while (this.#chunksOut >= this.#options.poolChunks && !signal.aborted) await this.#poolFreed(signal);
      if (signal.aborted) return;
      this.#throwIfFaulty(before + from / this.#options.chunkRows);
      const part = rows.slice(from, from + this.#options.chunkRows);
      count(part.length);
      yield this.#chunk(part, sequence, isStrong);
    }
  }

  #poolFreed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#freed = resolve;
      signal.addEventListener("abort", () => resolve());
    });
  }

  #chunk(rows: readonly FsRow[], sequence: number, isStrong: IsStrong = () => false): RowChunk {
    this.#chunksOut++;
    let released = false;
    const { furtherColumns } = this.#options;
    const chunk = encodeRows(
      rows.map((row) => ({ ...furtherColumns, ...row })),
      { sequence, isStrong },
    );
    const release = (): void => {
      if (released) this.wrongReleases++;
      released = true;
      // Who still reads it gets rubbish, as from a pool whose memory is used again.
      chunk.buffer.fill(0x58);
      this.#chunksOut--;
      this.#freed();
    };
    return { ...chunk, release };
  }
}

/** What the chunks of rows belong to. */
interface ChunkStream {
  readonly signal: AbortSignal;
  readonly count: (rows: number) => void;
  readonly isStrong?: IsStrong;
  /** How many chunks came before these, for a fault that is to come after a number of them. */
  readonly before?: number;
}

class EndOfStream extends Error {}
