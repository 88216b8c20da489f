// The contract of a source: what every driver has to do, tried on a file of the test's own.
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeSource } from "fustor-agent/sdk/testing";
import driver from "../index.js";

/** The file in the hands of the test. */
class World {
  #folder = mkdtempSync(join(tmpdir(), "{{name}}-"));
  #made = 0;
  file = join(this.#folder, "entries.json");

  constructor() {
    this.#write({ "/first": "1", "/second": "2" });
  }

  #read() {
    return JSON.parse(readFileSync(this.file, "utf8"));
  }

  /** In one step: the driver never sees half a file. */
  #write(entries) {
    writeFileSync(`${this.file}.new`, JSON.stringify(entries));
    renameSync(`${this.file}.new`, this.file);
  }

  keys() {
    return ["/", ...Object.keys(this.#read())];
  }

  keyOf(row) {
    return row.path;
  }

  add() {
    this.#made += 1;
    const key = `/made-${this.#made}`;
    this.#write({ ...this.#read(), [key]: "new" });
    return key;
  }

  change(key) {
    this.#write({ ...this.#read(), [key]: `changed at ${Date.now()}` });
  }

  remove(key) {
    const { [key]: _, ...others } = this.#read();
    this.#write(others);
  }

  close() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describeSource(
  (world, context) =>
    driver.create(context, { uri: world.file, params: driver.schema.parse({ interval_sec: 0.05 }), excludePaths: [] }),
  () => new World(),
);
