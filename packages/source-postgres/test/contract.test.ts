/** The contract of a source, on a real server. */
import { describeSource } from "fustor-agent/sdk/testing";
import { afterAll, beforeAll } from "vitest";
import driver from "../src/index.ts";
import { type Database, PostgresServer, SECRET } from "./postgres-server.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server?.end());

const TABLE = `
  CREATE TABLE things (id bigint PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now());
  INSERT INTO things SELECT i, 'thing ' || i FROM generate_series(1, 1500) i;
  CREATE PUBLICATION fustor FOR TABLE things;`;

class World {
  readonly database: Database;
  #next = 10_000;

  constructor(database: Database) {
    this.database = database;
  }

  async keys(): Promise<readonly string[]> {
    const rows = await this.database.sql<{ id: string }>("SELECT id FROM things");
    return rows.map(({ id }) => `/public.things/${id}`);
  }

  keyOf({ path }: Readonly<Record<string, unknown>>): string {
    return String(path);
  }

  async add(): Promise<string> {
    const id = this.#next++;
    await this.database.sql("INSERT INTO things VALUES ($1, 'new')", [id]);
    return `/public.things/${id}`;
  }

  async change(key: string): Promise<void> {
    await this.database.sql("UPDATE things SET name = name || '!' WHERE id = $1", [key.split("/")[2]]);
  }

  async remove(key: string): Promise<void> {
    await this.database.sql("DELETE FROM things WHERE id = $1", [key.split("/")[2]]);
  }

  close(): Promise<void> {
    return this.database.close();
  }
}

describeSource(
  ({ database }, context) =>
    driver.create(context, {
      uri: database.uri,
      credential: { kind: "password", user: "postgres", password: SECRET },
      params: driver.schema.parse({ slot: database.name }),
      excludePaths: [],
    }),
  async () => new World(await server.database(TABLE)),
);
