/** Which senders could not be made. They are asked themselves, so that `validate` says what a start would say. */
import type { AgentConfig, ConfigProblem, SenderConfig } from "../config/model.ts";
import { isFustorError, silentLogger } from "../sdk/index.ts";
import { createSender } from "../senders/registry.ts";
import { senderSettings } from "./pipe-slot.ts";

const textOr = (value: unknown, otherwise: string): string => (typeof value === "string" ? value : otherwise);

async function refusalOf(sender: SenderConfig): Promise<ConfigProblem | undefined> {
  const { id, driver, origin } = sender;
  try {
    await createSender(driver, { id, logger: silentLogger }, senderSettings(sender)).close();
    return undefined;
  } catch (error) {
    if (!isFustorError(error)) throw error;
    const { what, cure } = error.details;
    return {
      origin,
      key: `senders.${id}`,
      what: textOr(what, error.message),
      cure: textOr(cure, "correct its settings"),
    };
  }
}

/** Their pipes cannot start; the others can, so that this is no problem of the whole. No connection is opened. */
export async function refusedSenders({ senders }: Pick<AgentConfig, "senders">): Promise<readonly ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  for (const sender of senders.values()) {
    const problem = sender.disabled ? undefined : await refusalOf(sender);
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}
