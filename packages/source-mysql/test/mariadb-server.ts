/** A MariaDB server of the test's own: a free port of loopback, a folder of its own, gone at the end. */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Connection, createConnection, type RowDataPacket } from "mysql2/promise";
import { freePorts } from "../../../test/support/free-ports.ts";
import { PATIENCE } from "../../../test/support/patience.ts";
import { waitFor } from "../../../test/support/wait-for.ts";

const COMMAND_MS = 50_000 * PATIENCE;
/** While the server is stopped, another test may have its port for a moment. */
const PORT_S = 20;

/** The password of the user `fustor`. No log may hold it. */
export const SECRET = "s3cret-of-the-test";
export const USER = "fustor";

function program(name: string): string {
  const found = ["/usr/sbin", "/usr/bin"].map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error("there is no MariaDB server: apt-get install -y mariadb-server");
  return found;
}

/** The server refuses to run as root. */
function owner(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (which: string): number => Number(spawnSync("id", [which, "mysql"], { encoding: "utf8" }).stdout);
  return { uid: idOf("-u"), gid: idOf("-g") };
}

const SMALL = [
  ...["--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M", "--skip-name-resolve", "--performance-schema=OFF"],
  "--character-set-server=utf8mb4",
];

export class MariadbServer {
  readonly port: number;
  readonly folder: string;
  readonly #owner = owner();
  #process: ChildProcess | undefined;
  #root: Connection | undefined;
  #databases = 0;

  private constructor(port: number) {
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), "fustor-mariadb-"));
    if (this.#owner !== undefined) chownSync(this.folder, this.#owner.uid, this.#owner.gid);
  }

  static async start(): Promise<MariadbServer> {
    const [port = 0] = await freePorts(1);
    const server = new MariadbServer(port);
    try {
      const options = ["--auth-root-authentication-method=normal", "--skip-test-db", ...SMALL];
      await server.#run(program("mariadb-install-db"), "--no-defaults", `--datadir=${server.#data}`, ...options);
      await server.#makeCertificate();
      await server.begin();
    } catch (error) {
      await server.end();
      throw error;
    }
    return server;
  }

  get #data(): string {
    return join(this.folder, "data");
  }

  /** Of the authority that signed the server's certificate. */
  get caFile(): string {
    return join(this.folder, "cert.pem");
  }

  async #makeCertificate(): Promise<void> {
    const to = ["-keyout", join(this.folder, "key.pem"), "-out", this.caFile];
    const what = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"];
    await this.#run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", ...to, ...what);
  }

  async #run(command: string, ...args: readonly string[]): Promise<void> {
    await promisify(execFile)(command, [...args], { cwd: this.folder, timeout: COMMAND_MS, ...this.#owner });
  }

  async begin(...more: readonly string[]): Promise<void> {
    const log = openSync(join(this.folder, "log"), "a");
    const replication = ["--log-bin=binlog", "--server-id=1", "--binlog-format=ROW", "--binlog-row-metadata=FULL"];
    const place = [`--datadir=${this.#data}`, `--socket=${join(this.folder, "s")}`, `--port=${this.port}`];
    const patient = ["--bind-address=127.0.0.1", `--port-open-timeout=${PORT_S}`];
    const tls = [`--ssl-cert=${this.caFile}`, `--ssl-key=${join(this.folder, "key.pem")}`];
    const args = ["--no-defaults", ...place, ...patient, ...SMALL, ...replication, ...tls, ...more];
    const child = spawn(program("mariadbd"), args, { cwd: this.folder, stdio: ["ignore", log, log], ...this.#owner });
    this.#process = child;
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error(`MariaDB ended: ${this.#said()}`);
        this.#root = await this.#connect().catch(() => undefined);
        return this.#root;
      },
      { timeoutMs: 30_000, what: () => `MariaDB to start: ${this.#said()}` },
    );
  }

  #said(): string {
    return readFileSync(join(this.folder, "log"), "utf8").slice(-2_000);
  }

  async #connect(database?: string): Promise<Connection> {
    const own = { host: "127.0.0.1", port: this.port, user: "root", multipleStatements: true };
    const connection = await createConnection(database === undefined ? own : { ...own, database });
    connection.on("error", () => undefined);
    return connection;
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    this.#root?.destroy();
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  async end(): Promise<void> {
    await this.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  async sql<T = RowDataPacket>(text: string, values: readonly unknown[] = []): Promise<readonly T[]> {
    const [rows] = (await this.#root?.query(text, [...values])) ?? [[]];
    return rows as unknown as readonly T[];
  }

  /** A new database, after this SQL, and a user who may read its changes. */
  async database(sql = ""): Promise<Database> {
    const name = `db${++this.#databases}`;
    await this.sql(`CREATE DATABASE ${name}; CREATE USER IF NOT EXISTS ${USER}@'%' IDENTIFIED BY '${SECRET}';
      GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO ${USER}@'%'; GRANT SELECT ON ${name}.* TO ${USER}@'%';`);
    const database = new Database(this, name, await this.#connect(name));
    if (sql !== "") await database.sql(sql);
    return database;
  }

  async use(name: string): Promise<Connection> {
    return this.#connect(name);
  }
}

export class Database {
  readonly name: string;
  readonly #server: MariadbServer;
  #connection: Connection;

  constructor(server: MariadbServer, name: string, connection: Connection) {
    this.#server = server;
    this.name = name;
    this.#connection = connection;
  }

  get uri(): string {
    return `mysql://127.0.0.1:${this.#server.port}/${this.name}`;
  }

  async sql<T = RowDataPacket>(text: string, values: readonly unknown[] = []): Promise<readonly T[]> {
    const [rows] = await this.#connection.query(text, [...values]);
    return rows as unknown as readonly T[];
  }

  /** After the server was stopped. */
  async comeBack(): Promise<void> {
    this.#connection.destroy();
    this.#connection = await this.#server.use(this.name);
  }

  async close(): Promise<void> {
    this.#connection.destroy();
    await this.#server.sql(`DROP DATABASE IF EXISTS ${this.name}`).catch(() => undefined);
  }
}
