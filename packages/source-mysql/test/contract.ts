/** The contract of a source, on a real server. */
import { describeSource } from "fustor-agent/sdk/testing";
import driver from "../src/index.ts";
import { type Database, type MariadbServer, SECRET, USER } from "./mariadb-server.ts";

const TABLE = `
  CREATE TABLE things (id bigint PRIMARY KEY, name varchar(100) NOT NULL, at timestamp(6) NOT NULL DEFAULT now(6));
  INSERT INTO things (id, name) SELECT seq, concat('thing ', seq) FROM seq_1_to_1500;`;

class World {
  readonly database: Database;
  #next = 10_000;

  constructor(database: Database) {
    this.database = database;
  }

  async keys(): Promise<readonly string[]> {
    const rows = await this.database.sql<{ id: number }>("SELECT id FROM things");
    return rows.map(({ id }) => `/things/${id}`);
  }

  keyOf({ path }: Readonly<Record<string, unknown>>): string {
    return String(path);
  }

  async add(): Promise<string> {
    const id = this.#next++;
    await this.database.sql("INSERT INTO things (id, name) VALUES (?, 'new')", [id]);
    return `/things/${id}`;
  }

  async change(key: string): Promise<void> {
    await this.database.sql("UPDATE things SET name = concat(name, '!') WHERE id = ?", [key.split("/")[2]]);
  }

  async remove(key: string): Promise<void> {
    await this.database.sql("DELETE FROM things WHERE id = ?", [key.split("/")[2]]);
  }

  close(): Promise<void> {
    return this.database.close();
  }
}

export function contract(server: () => MariadbServer): void {
  describeSource(
    ({ database }, context) =>
      driver.create(
        { ...context, id: database.name },
        {
          uri: database.uri,
          credential: { kind: "password", user: USER, password: SECRET },
          params: driver.schema.parse({}),
          excludePaths: [],
        },
      ),
    async () => new World(await server().database(TABLE)),
  );
}
