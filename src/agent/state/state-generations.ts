/** The state file and the generation before it, which serves when the newer one cannot be read. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { describeError, type Logger } from "../../sdk/index.ts";
import { readOwnFile } from "./durable-file.ts";
import { parseState, type Reading, type StoredState } from "./state-file.ts";

async function readState(path: string): Promise<Reading> {
  try {
    return parseState(await readOwnFile(path));
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === "ENOENT";
    return absent ? { kind: "absent" } : { kind: "unusable", reason: describeError(error) };
  }
}

/**
 * The newest generation that can be used. One that cannot is moved to `<name>.bad`, where the next one takes its place.
 */
export async function recallState(folder: string, logger: Logger): Promise<StoredState> {
  for (const name of ["pipes.json", "pipes.json.bak"]) {
    const file = join(folder, name);
    const reading = await readState(file);
    if (reading.kind === "good") return reading.state;
    if (reading.kind === "absent") continue;
    logger.warn({ file }, `a state file cannot be used and is set aside as ${name}.bad: ${reading.reason}`);
    await rename(file, `${file}.bad`).catch((error: unknown) => {
      logger.warn({ file }, `it could not be set aside: ${describeError(error)}`);
    });
  }
  return { pipes: new Map(), sources: new Map() };
}
