/** The contract of a source, on a real server; with an index, so that positions are tried, too. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeSource } from "fustor-agent/sdk/testing";
import { afterAll, beforeAll } from "vitest";
import driver from "../src/index.ts";
import { expectedView } from "./paths.ts";
import { ACCESS, type Bucket, S3Server, SECRET } from "./s3-server.ts";

let server: S3Server;
beforeAll(async () => {
  server = await S3Server.start();
});
afterAll(() => server?.end());

const KEYS = [
  "a",
  "a/b",
  "empty/",
  "d/e/f.txt",
  "d/g",
  "//x",
  "..",
  "é/ü.bin",
  ...Array.from({ length: 20 }, (_, at) => `many/${at}`),
];

class World {
  readonly bucket: Bucket;
  readonly folder = mkdtempSync(join(tmpdir(), "fustor-s3-"));
  readonly keyOutside = "/../x";
  #next = 0;

  constructor(bucket: Bucket) {
    this.bucket = bucket;
  }

  keys(): readonly string[] {
    return [...expectedView(this.bucket.objects).keys()];
  }

  keyOf({ path }: Readonly<Record<string, unknown>>): string {
    return String(path);
  }

  async add(): Promise<string> {
    const key = `d/new-${this.#next++}`;
    await this.bucket.put(key);
    return `/${key}`;
  }

  change(path: string): Promise<void> {
    return this.bucket.put(path.slice(1), "changed");
  }

  remove(path: string): Promise<void> {
    return this.bucket.remove(path.slice(1));
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}

describeSource(
  ({ bucket, folder }, context) =>
    driver.create(
      { ...context, indexPath: join(folder, "index") },
      {
        uri: bucket.uri,
        credential: { kind: "password", user: ACCESS, password: SECRET },
        params: driver.schema.parse({ endpoint: bucket.server, interval_sec: 0.1 }),
        excludePaths: [],
      },
    ),
  async () => {
    const bucket = await server.bucket();
    await bucket.putAll(KEYS);
    return new World(bucket);
  },
);
