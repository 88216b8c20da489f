/**
 * Messages of pgoutput as changes. Pure but for the rows that it asks for.
 *
 * **Sequences.** A row of a snapshot carries the place of its snapshot in the log; every transaction that was committed
 * before that place is in it and none after. So the sequence of a change begins at the place of its commit, plus one: it
 * is above that of every snapshot that lacks it, and not above that of one that has it. Within a transaction it counts
 * on. A long transaction may count past the commits that follow; then a row of a snapshot is taken for older than a
 * change that it already holds, and left out, which is harmless: that change was sent.
 *
 * **Columns that were not sent.** PostgreSQL leaves out a large value (TOAST) that an update did not touch, unless the
 * table has REPLICA IDENTITY FULL. Such a value is read from the table: it may be newer than the change, and then its
 * own change follows. A row that is gone by then is left out: its delete follows.
 */
import type { Change, ChangeOperation, Row } from "fustor-agent/sdk";
import type { Pgoutput } from "pg-logical-replication";
import { parseLsn } from "./lsn.ts";
import { type Catalog, type Column, columnOf, PATH, rowPath, type Table } from "./tables.ts";

type Tuple = Readonly<Record<string, unknown>>;

/** Reads columns of one row, as JSON has them; undefined when there is no such row. */
export type ReadColumns = (table: Table, key: Tuple, columns: readonly Column[]) => Promise<Tuple | undefined>;

/** The tables are not what they were: a new look at them is needed, and a snapshot. */
export class TablesChanged extends Error {
  override readonly name = "TablesChanged";
}

export interface MapperOptions {
  /** The sequence of the last change so far. */
  readonly sequence: number;
  /** Whether a table that is not in the catalog is wanted: one that was added. */
  readonly every: boolean;
  /** What tables looked like in this run. Old looks come again when the stream is opened again; they are no news. */
  readonly looks: Set<string>;
  readonly readColumns: ReadColumns;
}

export class ChangeMapper {
  readonly #catalog: Catalog;
  readonly #options: MapperOptions;
  /** As the stream described them last, or as they are in the catalog. */
  readonly #tables: Map<number, Table>;
  #sequence: number;
  /** Where the transaction that is being read was committed. */
  #committedAt = 0;

  constructor(catalog: Catalog, options: MapperOptions) {
    this.#catalog = catalog;
    this.#options = options;
    this.#tables = new Map(catalog.tables.map((table) => [table.oid, table]));
    this.#sequence = options.sequence;
  }

  /** That of the last change. A transaction without changes of ours does not move it: nobody would accept that. */
  get sequence(): number {
    return this.#sequence;
  }

  begin({ commitLsn }: Pgoutput.MessageBegin): void {
    this.#committedAt = commitLsn === null ? 0 : parseLsn(commitLsn);
  }

  /** From here on rows of this table look like this. Throws {@link TablesChanged} at a look that is new. */
  relation(relation: Pgoutput.MessageRelation): void {
    const { looks, every } = this.#options;
    const table = this.#catalog.tables.find(({ oid }) => oid === relation.relationOid);
    const name = `${relation.schema}.${relation.name}`;
    const columns = relation.columns.map((column) =>
      columnOf(column.name, column.typeOid >>> 0, this.#catalog.domains),
    );
    const look = lookOf(relation.relationOid, name, columns);
    const isNew = !looks.has(look);
    looks.add(look);
    if (table === undefined) {
      if (isNew && every) throw new TablesChanged(`the table ${name} was added to the publication`);
      return;
    }
    if (isNew && look !== lookOf(table.oid, table.label, table.columns)) {
      throw new TablesChanged(`the table ${name} has other columns than before`);
    }
    const hasKey = table.key.every((key) => columns.some((column) => column.name === key));
    const key = hasKey ? table.key : relation.keyColumns;
    this.#tables.set(table.oid, { ...table, columns, key });
    for (const [at, column] of relation.columns.entries()) column.parser = columns[at]?.decode ?? column.parser;
  }

  /** Undefined when a row has to be read first: then {@link update}. */
  map(message: Pgoutput.Message): readonly Change[] | undefined {
    switch (message.tag) {
      case "insert":
        return this.#whole("insert", message.relation.relationOid, message.new);
      case "update":
        return this.#updated(message);
      case "delete":
        return this.#deleted(message.relation.relationOid, message.old ?? message.key);
      case "truncate":
        return message.relations.flatMap((relation) => this.#truncated(relation.relationOid));
      default:
        return [];
    }
  }

  #updated(message: Pgoutput.MessageUpdate): readonly Change[] | undefined {
    const table = this.#tables.get(message.relation.relationOid);
    if (table === undefined) return [];
    if (table.columns.some(({ name }) => message.new[name] === undefined)) return undefined;
    const before = message.old ?? message.key;
    const moved = before !== null && pathOf(table, before) !== pathOf(table, message.new);
    if (!moved) return this.#whole("update", table.oid, message.new);
    return [...this.#deleted(table.oid, before), ...this.#whole("insert", table.oid, message.new)];
  }

  /** An update that lacks columns, with what the table has in them. */
  async update(message: Pgoutput.MessageUpdate): Promise<readonly Change[]> {
    const table = this.#tables.get(message.relation.relationOid);
    if (table === undefined) return [];
    const lacking = table.columns.filter(({ name }) => message.new[name] === undefined);
    const found = await this.#options.readColumns(table, message.new, lacking);
    const before = message.old ?? message.key;
    // What was known under an old key is gone, also when the new row is gone as well.
    if (found === undefined) return before === null ? [] : this.#deleted(table.oid, before);
    return this.#updated({ ...message, new: { ...message.new, ...found } }) ?? [];
  }

  #whole(op: ChangeOperation, oid: number, tuple: Tuple): readonly Change[] {
    const table = this.#tables.get(oid);
    if (table === undefined) return [];
    const path = pathOf(table, tuple);
    const row: Record<string, unknown> = { [PATH]: path };
    for (const { name, member } of table.columns) row[member] = tuple[name];
    return [this.#change(table, op, path, row)];
  }

  #deleted(oid: number, tuple: Tuple | null): readonly Change[] {
    const table = this.#tables.get(oid);
    if (table === undefined || tuple === null) return [];
    const path = pathOf(table, tuple);
    return [this.#change(table, "delete", path, { [PATH]: path })];
  }

  /** Everything below the table's path goes. */
  #truncated(oid: number): readonly Change[] {
    const table = this.#tables.get(oid);
    if (table === undefined) return [];
    return [{ ...this.#change(table, "delete", table.path, { [PATH]: table.path }), isContainer: true }];
  }

  #change(table: Table, op: ChangeOperation, key: string, row: Row): Change {
    this.#sequence = Math.max(this.#sequence, this.#committedAt) + 1;
    return { op, key, table: table.label, row, sequence: this.#sequence, isContainer: false };
  }
}

const lookOf = (oid: number, name: string, columns: readonly Column[]): string =>
  JSON.stringify([oid, name, ...columns.map((column) => [column.name, column.type])]);

const pathOf = (table: Table, tuple: Tuple): string => rowPath(table, (column) => tuple[column]);
