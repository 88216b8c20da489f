/** Tables as they were when the log was written. Pure. */
import type { AnyBinlogEvent, TableMapEvent } from "@vlasky/zongji";
import type { Table } from "./catalog.ts";
import { PositionGone } from "./failures.ts";
import { type Column, columnOf, type RowShape } from "./rows.ts";
import { kindInLog, kindOf } from "./values.ts";

export interface LoggedTable extends RowShape {
  readonly name: string;
  /** Places of the columns that are sent among all of them. */
  readonly places: readonly number[];
}

/** What the log cannot say of its columns, the catalog does. */
export function loggedTable(event: TableMapEvent, known: Table): LoggedTable {
  if (!event.hasSelfDescribingMetadata()) {
    throw new PositionGone("changes were logged before binlog_row_metadata was FULL");
  }
  const all = event.buildColumnSchemas().map(({ COLUMN_NAME: name, COLUMN_TYPE: type }): Column => {
    const column = known.columns.find((each) => each.name === name);
    return columnOf(name, type, column === undefined ? kindOf(type) : kindInLog(type, column.type));
  });
  const names = event.primaryKey?.map((at) => all[at]?.name ?? "") ?? known.key.map(({ name }) => name);
  const key = names.flatMap((name) => all.find((column) => column.name === name) ?? []);
  if (key.length === 0 || key.length !== names.length) {
    throw new PositionGone(`changes of ${known.name} were logged when it had another key`);
  }
  const columns = all.filter(({ name }) => !known.generated.has(name));
  return { name: known.name, path: known.path, columns, key, places: columns.map((column) => all.indexOf(column)) };
}

interface RowImages {
  readonly columns_present_bitmap?: Buffer;
  readonly columns_present_bitmap2?: Buffer;
}

/** Whether every column that is sent is in the event: the library takes one that is not for NULL. */
export function isWhole(event: AnyBinlogEvent, { places }: LoggedTable): boolean {
  const { columns_present_bitmap: one, columns_present_bitmap2: other } = event as unknown as RowImages;
  return [one, other].every((bitmap) => bitmap === undefined || places.every((at) => hasBit(bitmap, at)));
}

const hasBit = (bitmap: Buffer, at: number): boolean => (((bitmap[at >> 3] ?? 0) >> (at & 7)) & 1) === 1;
