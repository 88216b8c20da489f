/**
 * The token for the whole status page: any local user can reach a port of loopback, but only the owner can read the
 * home. Each run has a new token, so that a client with an old one sees nothing, unless the configuration sets one for
 * programs that cannot read the home.
 */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { writeDurably } from "../agent/state/durable-file.ts";

export interface ConsoleToken {
  readonly text: string;
  /** Removes the file. */
  dispose(): Promise<void>;
}

export async function makeConsoleToken(file: string, configured?: string): Promise<ConsoleToken> {
  const text = configured ?? randomBytes(24).toString("base64url");
  await writeDurably(file, `${text}\n`);
  return { text, dispose: () => rm(file, { force: true }) };
}
