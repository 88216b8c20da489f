import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import { readOwnFile, writeDurably } from "../state/durable-file.ts";

/** An id of earlier releases is kept whatever its form, as long as it is one harmless word. */
const USABLE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const idFileOf = (home: string): string => join(home, "agent.id");

/**
 * What `agent.id` holds; "" when it is not there or holds nothing usable. One that cannot be read is no reason to
 * become somebody else.
 */
export async function storedAgentId(home: string): Promise<string> {
  const path = idFileOf(home);
  const known = await readOwnFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return "";
    throw fileTrouble(error, path, "read");
  });
  return USABLE.test(known.trim()) ? known.trim() : "";
}

/**
 * The id of this agent: `$HOME/agent.id`, made at the first start and kept for ever after, unless another one is
 * wanted.
 */
export async function loadAgentId(home: string, makeId: () => string = randomUUID, anew = false): Promise<string> {
  const known = anew ? "" : await storedAgentId(home);
  if (known !== "") return known;
  const id = makeId();
  await writeDurably(idFileOf(home), `${id}\n`);
  return id;
}
