/**
 * Rows in bulk that the receiver may not believe.
 *
 * It keeps the younger of two modification times and refuses what lies under a tombstone. So a row in bulk neither
 * lowers a time nor brings back what another agent deleted, and where rows of another agent, or late ones, may have come
 * after ours, some have to go out in the lifting form. Which ones, the change time tells: no program can set it back.
 * A directory that was put somewhere else takes along entries whose times tell nothing of it, so everything below such
 * a directory is stale, too.
 */
import type { Row, RowChunk } from "../../sdk/index.ts";
import { parseRow, rowCreatedSeconds, rowPath, rowsCreatedAbout } from "../encode/row-ranges.ts";
import { directoryOf } from "../key-table.ts";

/** Beyond that, everything else is stale. */
const MAX_DIRECTORIES = 100_000;
/** What an audit reads may be so much younger than its beginning. */
const SPAN_SECONDS = 3600;
const NONE: ReadonlyMap<number, Row> = new Map();

export interface StaleRows {
  /** The row goes out as it is as well: an audit counts what it was told about. */
  readonly plainToo: boolean;
  /**
   * Of `[from, to)`, by number. Ranges are asked for in their order: a directory's row comes before those of what lies
   * in it.
   */
  within(chunk: RowChunk, from: number, to: number): ReadonlyMap<number, Row>;
}

/** Directories below which everything is stale. */
class StaleDirectories {
  readonly #directories = new Set<string>();
  #last = { directory: "", isBelow: false };

  get isEmpty(): boolean {
    return this.#directories.size === 0;
  }

  add(directory: string): void {
    this.#directories.add(this.#directories.size < MAX_DIRECTORIES ? directory : "/");
    this.#last = { directory: "", isBelow: false };
  }

  /** Whether the entry lies in one of them, at any depth. */
  holds(path: string): boolean {
    const directory = directoryOf(path);
    if (this.#last.directory !== directory) this.#last = { directory, isBelow: this.#isBelow(directory) };
    return this.#last.isBelow;
  }

  #isBelow(directory: string): boolean {
    for (let at = directory; at !== "/" && at !== ""; at = directoryOf(at)) if (this.#directories.has(at)) return true;
    return this.#directories.has("/");
  }
}

abstract class ByChangeTime implements StaleRows {
  abstract readonly plainToo: boolean;
  protected readonly since: number;
  readonly #below = new StaleDirectories();

  /** `since`: epoch second of the change time. */
  constructor(since: number) {
    this.since = since;
  }

  within(chunk: RowChunk, from: number, to: number): ReadonlyMap<number, Row> {
    const candidates = new Set(this.candidates(chunk, from, to));
    if (candidates.size === 0 && this.#below.isEmpty) return NONE;
    const found = new Map<number, Row>();
    for (let row = from; row < to; row++) {
      const isBelow = !this.#below.isEmpty && this.#below.holds(rowPath(chunk, row) ?? "");
      if (!isBelow && !candidates.has(row)) continue;
      const parsed = parseRow(chunk, row);
      const { path } = parsed;
      if (typeof path !== "string" || path === "/" || !(isBelow || this.isStale(parsed))) continue;
      if (parsed.is_directory === true && !isBelow) this.#below.add(path);
      // What could not be listed is not told by a row of its own.
      if (parsed.audit_skipped !== true) found.set(row, parsed);
    }
    return found;
  }

  /** Rows to be looked at. */
  protected abstract candidates(chunk: RowChunk, from: number, to: number): readonly number[];
  protected abstract isStale(candidate: Row): boolean;
}

/**
 * After another agent led: whatever was changed since may lie under a tombstone, or be older than what is known of its
 * path.
 */
export class StaleAfterTakeover extends ByChangeTime {
  readonly plainToo = false;

  protected candidates(chunk: RowChunk, from: number, to: number): readonly number[] {
    const rows: number[] = [];
    for (let row = from; row < to; row++) {
      const created = rowCreatedSeconds(chunk, row);
      if (created !== undefined && created >= this.since) rows.push(row);
    }
    return rows;
  }

  protected isStale(): boolean {
    return true;
  }
}

/**
 * In every audit, for agents may report the same tree and one may die between a reading and its newer one: whose
 * modification time is older than its change, which the receiver would take for an old row. Where nothing was changed,
 * no row is looked at.
 */
export class StaleInAudit extends ByChangeTime {
  readonly plainToo = true;
  readonly #now: number;
  #looked: { readonly chunk: RowChunk; readonly rows: readonly number[] } | undefined;

  /** Epoch seconds. */
  constructor(since: number, now: number) {
    super(since);
    this.#now = now;
  }

  protected candidates(chunk: RowChunk, from: number, to: number): readonly number[] {
    if (this.#looked?.chunk !== chunk)
      this.#looked = { chunk, rows: rowsCreatedAbout(chunk, this.since, this.#now + SPAN_SECONDS) };
    const { rows } = this.#looked;
    return rows.length === 0 ? rows : rows.filter((row) => row >= from && row < to);
  }

  protected isStale({ created_time: created, modified_time: modified }: Row): boolean {
    return typeof created === "number" && typeof modified === "number" && created >= this.since && modified < created;
  }
}
