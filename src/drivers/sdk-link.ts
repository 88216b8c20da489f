/**
 * Drivers in the home import `fustor-agent/sdk`, and mean the agent that runs them. npm is not asked for it: a link
 * beside the packages leads to our own folder.
 */
import { readlinkSync } from "node:fs";
import { mkdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { AGENT_FOLDER, driversFolder } from "./find-packages.ts";

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}

/** Makes the link, or leads it to this agent when it led to another. */
export async function linkSdk(home: string, agentFolder: string = AGENT_FOLDER): Promise<void> {
  const folder = join(driversFolder(home), "node_modules");
  const link = join(folder, "fustor-agent");
  if (targetOf(link) === agentFolder) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `.fustor-agent-${process.pid}`);
  await rm(draft, { force: true });
  await symlink(agentFolder, draft);
  await rename(draft, link).catch(async (error: NodeJS.ErrnoException) => {
    // A folder in its place is a copy that npm installed as somebody's dependency.
    if (error.code !== "EISDIR" && error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    await rm(link, { recursive: true, force: true });
    await rename(draft, link);
  });
}
