/** A home whose agent tells of a small tree to nobody. */
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentHome, folder, run } from "../cli-process.ts";

const yamlOf = (root: string): string => `
sources: [{id: s1, type: fs, config: {uri: ${JSON.stringify(root)}}}]
senders: [{id: to-echo, type: echo, config: {}}]
pipes: [{id: p1, source_id: s1, sender_id: to-echo, enabled: true}]
`;

/** Writes the configuration into a folder. */
export async function furnish(home: string): Promise<string> {
  const root = await folder();
  await mkdir(join(root, "a"));
  await writeFile(join(root, "a", "file"), "x");
  await writeFile(join(home, "agent-config.yaml"), yamlOf(root), { mode: 0o600 });
  return home;
}

/** An agent that still runs at the end of the test is stopped. */
export const echoHome = async (): Promise<string> => furnish(await agentHome());

interface StatusFacts {
  readonly pid: number;
  readonly agentId: string;
  readonly pipes: readonly { readonly state: string; readonly snapshot: string }[];
}

/** Throws while no agent answers. */
export async function factsOf(home: string): Promise<StatusFacts> {
  const { code, stdout, stderr } = await run(["status", "--json"], { home });
  if (code !== 0) throw new Error(`status ended with ${code}: ${stdout} ${stderr}`);
  return JSON.parse(stdout) as StatusFacts;
}

/** A zombie that nobody has buried yet does not live. */
export function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
