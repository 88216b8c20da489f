import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileTrouble } from "../config/file-trouble.ts";
import { readOwnFile, writeDurably } from "./durable-file.ts";

/** An id of earlier releases is kept whatever its form, as long as it is one harmless word. */
const USABLE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** The id of this agent: `$HOME/agent.id`, made at the first start and kept for ever after. */
export async function loadAgentId(home: string, makeId: () => string = randomUUID): Promise<string> {
  const path = join(home, "agent.id");
  const known = await readOwnFile(path).then(
    (text) => text.trim(),
    (error: NodeJS.ErrnoException) => {
      // One that cannot be read is no reason to become somebody else.
      if (error.code !== "ENOENT") throw fileTrouble(error, path, "read");
      return "";
    },
  );
  if (USABLE.test(known)) return known;
  const id = makeId();
  await writeDurably(path, `${id}\n`);
  return id;
}
