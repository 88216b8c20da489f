// The contract of a sender: what every driver has to do, tried on a file of the test's own.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeSender } from "fustor-agent/sdk/testing";
import driver from "../index.js";

/** The receiver in the hands of the test. */
class World {
  #folder = mkdtempSync(join(tmpdir(), "{{name}}-"));
  file = join(this.#folder, "rows.jsonl");

  received() {
    const lines = existsSync(this.file) ? readFileSync(this.file, "utf8").split("\n").filter(Boolean) : [];
    return lines.map((line) => JSON.parse(line).row);
  }

  /** A folder in the place of the file takes nothing. */
  takeAway() {
    rmSync(this.file, { force: true });
    mkdirSync(this.file);
  }

  close() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describeSender(
  (world, context) => driver.create(context, { uri: world.file, params: driver.schema.parse({}), timeoutMs: 5000 }),
  () => new World(),
);
