/** A pipe's source and its receiver's view, opened as the configuration says, and their comparison. */
import { excludedPaths } from "../../agent/own-files.ts";
import type { AgentConfig, PipeConfig } from "../../config/model.ts";
import { type ComparableTree, FustorError, omitUndefined } from "../../sdk/index.ts";
import { comparedMembers } from "../../verify/compared-members.ts";
import type { ComparedMembers } from "../../verify/difference.ts";
import { type Verdict, type VerificationOptions, verifyTrees } from "../../verify/verification.ts";

export interface ComparedPipe {
  readonly disk: ComparableTree;
  readonly view: ComparableTree;
  readonly members: ComparedMembers;
  close(): Promise<void>;
}

const cannot = (pipe: string, why: string): FustorError =>
  new FustorError("FUSTOR_CONFIG_INVALID", `the pipe ${JSON.stringify(pipe)} cannot be compared: ${why}`);

async function openDisk(config: AgentConfig, pipe: PipeConfig): Promise<ComparableTree> {
  const source = config.sources.get(pipe.source);
  const module = source && config.drivers.requireSource(source.driver);
  if (source === undefined || module?.openTree === undefined) {
    throw cannot(pipe.id, `its source ${JSON.stringify(pipe.source)} (${source?.driver}) is no directory tree`);
  }
  const { uri, credential, driverParams: params } = source;
  return module.openTree(omitUndefined({ uri, credential, params, excludePaths: await excludedPaths(config, uri) }));
}

async function openView(config: AgentConfig, pipe: PipeConfig, signal: AbortSignal): Promise<ComparableTree> {
  const sender = config.senders.get(pipe.sender);
  const module = sender && config.drivers.requireSender(sender.driver);
  if (sender === undefined || module?.openTree === undefined) {
    const why = `what its sender ${JSON.stringify(pipe.sender)} (${sender?.driver}) sends to shows no view`;
    throw cannot(pipe.id, why);
  }
  const { uri, credential, timeoutMs, driverParams: params } = sender;
  return module.openTree(omitUndefined({ uri, credential, timeoutMs, params }), signal);
}

/** Throws FUSTOR_CONFIG_INVALID for a pipe whose ends cannot be compared, and what the receiver says. */
export async function openPipe(config: AgentConfig, pipe: PipeConfig, signal: AbortSignal): Promise<ComparedPipe> {
  const members = comparedMembers(pipe.fieldsMapping);
  if (members === undefined)
    throw cannot(pipe.id, "its fields_mapping does not carry path and is_directory as they are");
  const disk = await openDisk(config, pipe);
  const view = await openView(config, pipe, signal);
  const close = async (): Promise<void> => {
    await view.close();
    await disk.close();
  };
  return { disk, view, members, close };
}

export const verifyPipe = (
  { disk, view, members }: ComparedPipe,
  options: Omit<VerificationOptions, "disk" | "view" | "members">,
): Promise<Verdict> => verifyTrees({ disk, view, members, ...options });
