/** A PostgreSQL server of the test's own: a free port of loopback, a folder of its own, gone at the end. */
import { execFile, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { freePorts } from "../../../test/support/free-ports.ts";

const VERSIONS = "/usr/lib/postgresql";
const COMMAND_MS = 60_000;

/** Debian keeps the programs of each version in a folder of its own. */
function programs(): string {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((one, other) => Number(other) - Number(one)) : [];
  const found = versions
    .map((version) => join(VERSIONS, version, "bin"))
    .find((folder) => existsSync(join(folder, "initdb")));
  if (found === undefined) throw new Error("there is no PostgreSQL server: apt-get install -y postgresql-15");
  return found;
}

/** The server refuses to run as root. */
function owner(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (which: string): number => Number(spawnSync("id", [which, "postgres"], { encoding: "utf8" }).stdout);
  return { uid: idOf("-u"), gid: idOf("-g") };
}

export class PostgresServer {
  readonly port: number;
  readonly #folder: string;
  readonly #bin = programs();
  readonly #owner = owner();
  #databases = 0;

  private constructor(port: number) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "fustor-postgres-"));
    if (this.#owner !== undefined) chownSync(this.#folder, this.#owner.uid, this.#owner.gid);
  }

  static async start(): Promise<PostgresServer> {
    const [port = 0] = await freePorts(1);
    const server = new PostgresServer(port);
    try {
      await server.#run(
        "initdb",
        "-D",
        server.#data,
        "-A",
        "scram-sha-256",
        "-U",
        "postgres",
        "--no-sync",
        `--pwfile=${server.#passwordFile()}`,
      );
      await server.begin();
    } catch (error) {
      await server.end();
      throw error;
    }
    return server;
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  #passwordFile(): string {
    const file = join(this.#folder, "password");
    writeFileSync(file, SECRET, { mode: 0o600 });
    if (this.#owner !== undefined) chownSync(file, this.#owner.uid, this.#owner.gid);
    return file;
  }

  #run(program: string, ...args: readonly string[]): Promise<void> {
    return this.#shell(join(this.#bin, program), ...args);
  }

  /** A server that is stopped waits for what reads its log: this process has to go on meanwhile. */
  #shell(program: string, ...args: readonly string[]): Promise<void> {
    const options = {
      cwd: this.#folder,
      timeout: COMMAND_MS,
      env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8" },
      ...this.#owner,
    };
    return new Promise((resolve, reject) => {
      // Once the program has ended: a server that it started keeps the pipes.
      execFile(program, [...args], options)
        .on("error", reject)
        .on("exit", (code) => {
          if (code === 0) resolve();
          else reject(new Error(`${program} ${args.join(" ")} ended with ${code}`));
        });
    });
  }

  async begin(): Promise<void> {
    const settings = [
      ...["wal_level=logical", "fsync=off", "max_replication_slots=30", "max_wal_senders=30", "max_connections=60"],
      ...["max_wal_size=64MB", "min_wal_size=32MB", "wal_keep_size=0"],
    ];
    const options = [`-p ${this.port}`, "-h 127.0.0.1", `-k ${this.#folder}`, ...settings.map((each) => `-c ${each}`)];
    await this.#run(
      "pg_ctl",
      "-D",
      this.#data,
      "-w",
      "-l",
      join(this.#folder, "log"),
      "-o",
      options.join(" "),
      "start",
    );
  }

  async stop(mode: "fast" | "immediate" = "fast"): Promise<void> {
    await this.#run("pg_ctl", "-D", this.#data, "-w", "-m", mode, "stop");
  }

  async end(): Promise<void> {
    try {
      await this.stop("immediate");
    } catch {
      // It did not run.
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A new database, after this SQL. */
  async database(sql = ""): Promise<Database> {
    const name = `db${++this.#databases}`;
    await this.#ask("postgres", `CREATE DATABASE ${name}`);
    const database = new Database(this, name, await this.connect(name));
    await database.sql(sql);
    return database;
  }

  async connect(name: string): Promise<pg.Client> {
    const client = new pg.Client(this.#config(name));
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  async drop(name: string): Promise<void> {
    const slots = `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '${name}' AND NOT active`;
    await this.#ask(name, slots).catch(() => undefined);
    await this.#ask("postgres", `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`).catch(() => undefined);
  }

  async #ask(database: string, sql: string): Promise<void> {
    const client = new pg.Client(this.#config(database));
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  #config(database: string): pg.ClientConfig {
    return { host: "127.0.0.1", port: this.port, user: "postgres", password: SECRET, database };
  }
}

/** The password of the user `postgres`. No log may hold it. */
export const SECRET = "s3cret-of-the-test";

export class Database {
  readonly name: string;
  readonly #server: PostgresServer;
  #client: pg.Client;

  constructor(server: PostgresServer, name: string, client: pg.Client) {
    this.#server = server;
    this.name = name;
    this.#client = client;
  }

  get uri(): string {
    return `postgresql://127.0.0.1:${this.#server.port}/${this.name}`;
  }

  async sql<T extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<T[]> {
    return (await this.#client.query<T>(text, [...values])).rows;
  }

  /** Before the server stops. */
  async leave(): Promise<void> {
    await this.#client.end();
  }

  async comeBack(): Promise<void> {
    this.#client = await this.#server.connect(this.name);
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
    await this.#server.drop(this.name);
  }
}
