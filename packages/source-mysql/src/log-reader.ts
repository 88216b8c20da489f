/**
 * Events of the log as changes. Pure.
 *
 * **Sequences.** A row of a snapshot carries the place of its snapshot in the log; every transaction that begins before
 * that place is in it and none after. The sequence of a change is the place where its transaction begins, plus one, and
 * counts on within it. A long transaction may count past the place where it ends; then a row of a snapshot is taken for
 * older than a change that it already holds, and left out, which is harmless: that change was sent.
 *
 * **Positions.** The stream can go on only between transactions. A change carries the position before its transaction,
 * and the last one of a transaction that behind it, if it is not handed over by then. While a transaction of XA is
 * prepared and not yet ended, positions stay before it: its changes come with its end. So they do before what only a
 * snapshot can make up for: a run that goes on there meets it again.
 */
import type { AnyBinlogEvent, QueryEvent, TableMapEvent } from "@vlasky/zongji";
import type { Change, ChangeOperation, Row } from "fustor-agent/sdk";
import type { Catalog } from "./catalog.ts";
import type { Clock, LogPlace } from "./clock.ts";
import { unavailable } from "./failures.ts";
import type { Progress } from "./gtid.ts";
import { isWhole, type LoggedTable, loggedTable } from "./logged-table.ts";
import { meaningOf } from "./meaning.ts";
import { Prepared } from "./prepared.ts";
import { PATH, pathIn, rowIn, tablePath } from "./rows.ts";
import { type Statement, statementOf } from "./statements.ts";

export type OpenChange = { -readonly [K in keyof Change]: Change[K] };
type Values = Readonly<Record<string, unknown>>;

/** A transaction, or a statement that is one by itself. */
interface Group {
  readonly gtid: string;
  readonly place: LogPlace;
  isAlone: boolean;
  /** Its end is a transaction of its own; until then its changes do not count. */
  prepared: OpenChange[] | undefined;
  xid: string;
}

export interface ReaderOptions {
  readonly database: string;
  readonly catalog: Catalog;
  /** Whether a table that is not in the catalog is wanted once it is made. */
  readonly every: boolean;
  readonly progress: Progress;
  readonly clock: Clock;
}

export class LogReader {
  readonly #options: ReaderOptions;
  #catalog: Catalog;
  readonly #shapes = new Map<number, LoggedTable | undefined>();
  readonly #held = new Prepared();
  #file = "";
  #group: Group | undefined;
  #position: string;
  #changes: OpenChange[] = [];
  /** How many of the changes are of transactions that have ended. */
  #ended = 0;
  #wanted: string | undefined;
  /** When the last event was written, in epoch milliseconds. */
  timestamp = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#catalog = options.catalog;
    this.#position = options.progress.position;
  }

  /** Where the stream goes on after what was taken so far. */
  get position(): string {
    return this.#position;
  }

  get count(): number {
    return this.#changes.length;
  }

  /** Why only a snapshot can tell what the rows are; undefined between transactions of which that is not so. */
  get wanted(): string | undefined {
    return this.#group === undefined ? this.#wanted : undefined;
  }

  /** The changes so far; they are forgotten here. */
  takeChanges(): readonly Change[] {
    const changes = this.#changes;
    this.#changes = [];
    this.#ended = 0;
    return changes;
  }

  /** The catalog was read again. */
  adopt(catalog: Catalog): void {
    this.#catalog = catalog;
    this.#shapes.clear();
  }

  /** True when the catalog has to be read again before the next event. */
  take(event: AnyBinlogEvent): boolean {
    if (event.timestamp > 0) this.timestamp = event.timestamp;
    switch (event.getTypeName()) {
      case "Rotate":
        this.#file = (event as { readonly binlogName?: string }).binlogName ?? this.#file;
        // A server that started again counts its tables anew, in a file of its own.
        this.#shapes.clear();
        return false;
      case "Gtid":
      case "MariadbGtid":
        this.#begin(event);
        return false;
      case "AnonymousGtid":
        throw unavailable("a transaction has no GTID: gtid_mode is not ON");
      case "TableMap":
        this.#learn(event as TableMapEvent);
        return false;
      case "Query":
        return this.#statement(event as QueryEvent);
      case "Xid":
        this.#end();
        return false;
      case "XaPrepare":
        this.#prepared((event as { readonly onePhase?: boolean }).onePhase === true);
        return false;
      default:
        this.#rows(event);
        return false;
    }
  }

  #begin(event: AnyBinlogEvent): void {
    // One that ended without a word, such as a statement that was rolled back.
    this.#end();
    const { gtid = "", nextPosition: offset } = event;
    const { standalone = false, preparedXa = false } = event as { standalone?: boolean; preparedXa?: boolean };
    // MySQL says by BEGIN, not by the GTID, that more than one statement follows.
    const isAlone = standalone || event.getTypeName() === "Gtid";
    const prepared = preparedXa ? [] : undefined;
    this.#group = { gtid, place: { file: this.#file, offset }, isAlone, prepared, xid: "" };
  }

  #end(): void {
    const group = this.#group;
    if (group === undefined) return;
    this.#group = undefined;
    this.#options.progress.add(group.gtid);
    if (this.#held.isEmpty) this.#position = this.#options.progress.position;
    const last = this.#changes.at(-1);
    const isNew = this.#changes.length > this.#ended;
    if (last !== undefined && isNew && this.#wanted === undefined) last.position = this.#position;
    this.#ended = this.#changes.length;
  }

  #prepared(isCommit: boolean): void {
    const { prepared, xid = "" } = this.#group ?? {};
    if (prepared !== undefined && isCommit) this.#changes.push(...prepared);
    // Also without changes of ours: then its end is known to say nothing.
    else if (prepared !== undefined) this.#held.hold(xid, prepared);
    this.#end();
  }

  #settled(xid: string, isCommit: boolean): void {
    const changes = this.#held.settle(xid);
    if (!isCommit) return;
    if (changes === undefined) this.#want("the changes of a transaction of XA are not known any more");
    for (const { op, key, row, table = "" } of changes ?? []) this.#add(op, key, row, table);
  }

  #want(reason: string): void {
    this.#wanted ??= reason;
  }

  #statement({ query, schema }: QueryEvent): boolean {
    const statement = statementOf(query, schema);
    const group = this.#group;
    if (statement.kind === "begin" || statement.kind === "xa begin") {
      if (group !== undefined) group.isAlone = false;
      if (group !== undefined && statement.kind === "xa begin") group.prepared ??= [];
      return false;
    }
    const isChanged = this.#meant(statement, query, schema);
    if (statement.kind === "commit" || group?.isAlone === true) this.#end();
    return isChanged;
  }

  /** True when the catalog has to be read again. */
  #meant(statement: Statement, query: string, schema: string): boolean {
    if (statement.kind === "xa end" && this.#group !== undefined) this.#group.xid = statement.xid;
    if (statement.kind === "xa commit" || statement.kind === "xa rollback") {
      this.#settled(statement.xid, statement.kind === "xa commit");
    }
    const { database, every } = this.#options;
    const { tables } = this.#catalog;
    const { emptied, wanted, isChanged } = meaningOf(statement, { database, every, tables, query, schema });
    for (const name of emptied) {
      const path = tablePath(name);
      this.#add("delete", path, { [PATH]: path }, name, true);
    }
    if (wanted !== undefined) this.#want(wanted);
    return isChanged;
  }

  #learn(event: TableMapEvent): void {
    const { tableId, tableName } = event;
    if (this.#shapes.has(tableId) && (this.#shapes.get(tableId)?.name ?? tableName) === tableName) return;
    const known = this.#catalog.tables.get(tableName);
    this.#shapes.set(tableId, known === undefined ? undefined : loggedTable(event, known));
  }

  #rows(event: AnyBinlogEvent): void {
    const { tableId, rows } = event as { tableId?: number; rows?: readonly Values[] };
    const table = this.#shapes.get(tableId ?? -1);
    if (table === undefined || rows === undefined) return;
    if (!isWhole(event, table)) {
      this.#want(`a session with another binlog_row_image than FULL changed rows of ${table.name}`);
      return;
    }
    switch (event.getTypeName()) {
      case "WriteRows":
        for (const row of rows) this.#whole("insert", table, row);
        return;
      case "DeleteRows":
        for (const row of rows) this.#deleted(table, pathIn(table, row));
        return;
      default:
        for (const row of rows) this.#updated(table, row as unknown as { before: Values; after: Values });
    }
  }

  #updated(table: LoggedTable, { before, after }: { readonly before: Values; readonly after: Values }): void {
    const [from, to] = [pathIn(table, before), pathIn(table, after)];
    if (from !== to) this.#deleted(table, from);
    this.#add(from === to ? "update" : "insert", to, rowIn(table, to, after), table.name);
  }

  #whole(op: ChangeOperation, table: LoggedTable, values: Values): void {
    const path = pathIn(table, values);
    this.#add(op, path, rowIn(table, path, values), table.name);
  }

  #deleted(table: LoggedTable, path: string): void {
    this.#add("delete", path, { [PATH]: path }, table.name);
  }

  #add(op: ChangeOperation, key: string, row: Row, table: string, isContainer = false): void {
    const { place = { file: this.#file, offset: 0 }, prepared = this.#changes } = this.#group ?? {};
    const sequence = this.#options.clock.next(place);
    prepared.push({ op, key, table, row, sequence, isContainer, position: this.#position });
  }
}
