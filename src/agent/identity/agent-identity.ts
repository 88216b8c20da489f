/**
 * Who this agent is: `agent.id`, made at the first start and kept, and `agent.host`, which says where that was. A home
 * that was copied to another machine, or beside the original, gets a new identity with a remark: two agents under one
 * name would take each other's sessions away.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import type { Logger } from "../../sdk/index.ts";
import { readOwnFile, writeDurably } from "../state/durable-file.ts";
import { loadAgentId, storedAgentId } from "./agent-id.ts";
import { type HostFacts, isSameHardware, readHostFacts, whyOtherHost } from "./host-facts.ts";
import { folderIdentity } from "./instance-record.ts";

export interface AgentIdentity {
  readonly agentId: string;
  /** What is remembered belongs to it; another one after the home was copied. */
  readonly hostId: string;
  /** This machine is certainly the one where the home was used before. */
  readonly isSameHardware: boolean;
}

export interface IdentityOptions {
  readonly home: string;
  /** Of the configuration: wins over the file. */
  readonly configuredId: string | undefined;
  readonly logger: Logger;
  readonly facts?: HostFacts;
}

interface Binding {
  readonly version: 1;
  readonly hostId: string;
  readonly home: string;
  readonly facts: HostFacts;
}

const isText = (value: unknown): value is string => typeof value === "string";

function parseBinding(text: string): Binding | undefined {
  try {
    const binding = JSON.parse(text) as Binding;
    const { machineId, productUuid, hostname, networkAddresses } = binding.facts;
    const texts = [binding.hostId, binding.home, machineId, productUuid, hostname, ...networkAddresses];
    return binding.version === 1 && texts.every(isText) ? binding : undefined;
  } catch {
    return undefined;
  }
}

async function readBinding(path: string): Promise<Binding | undefined> {
  try {
    return parseBinding(await readOwnFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileTrouble(error, path, "read");
  }
}

/**
 * The home was elsewhere, and what was there is still there under the same name. A home that moved leaves nothing
 * behind.
 */
async function whyCopy(before: Binding, home: string): Promise<string | undefined> {
  if (before.home === home || (await folderIdentity(before.home)) === (await folderIdentity(home))) return undefined;
  const [there, here] = [await storedAgentId(before.home).catch(() => ""), await storedAgentId(home)];
  return there !== "" && there === here ? `a copy of ${before.home}, which is still there` : undefined;
}

/** Reads what the home says, and writes what is new. Throws FUSTOR_HOME_UNUSABLE. */
export async function loadIdentity({ home, configuredId, logger, facts }: IdentityOptions): Promise<AgentIdentity> {
  const path = join(home, "agent.host");
  const now = facts ?? (await readHostFacts());
  const before = await readBinding(path);
  const why = before === undefined ? undefined : (whyOtherHost(before.facts, now) ?? (await whyCopy(before, home)));
  const old = await storedAgentId(home);
  const agentId = configuredId ?? (await loadAgentId(home, randomUUID, why !== undefined));
  const binding: Binding = {
    version: 1,
    hostId: before === undefined || why !== undefined ? `host:${randomUUID()}` : before.hostId,
    home,
    facts: now,
  };
  if (JSON.stringify(binding) !== JSON.stringify(before)) await writeDurably(path, `${JSON.stringify(binding)}\n`);
  if (why !== undefined) remark(logger, why, old, agentId, configuredId !== undefined);
  const certain = before !== undefined && why === undefined && isSameHardware(before.facts, now);
  return { agentId, hostId: binding.hostId, isSameHardware: certain };
}

function remark(logger: Logger, why: string, old: string, agentId: string, isConfigured: boolean): void {
  const what = `this home was copied (${why}): what it remembers of sessions is not used`;
  const cure = `, and the agent has the new id ${agentId}; to keep the old one, write agent_id: ${old} into the configuration`;
  const both = `, but agent_id of the configuration is kept: no two agents may have the same one`;
  logger.warn({ agentId }, `${what}${isConfigured ? both : cure}`);
}
