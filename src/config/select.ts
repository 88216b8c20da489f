/** Which pipes `start` runs. */

import { basename, dirname, join } from "node:path";
import { nearest } from "../sdk/did-you-mean.ts";
import { FustorError } from "../sdk/errors.ts";
import { quoted } from "../yaml/problem.ts";
import type { AgentConfig, PipeConfig } from "./model.ts";

export interface Selection {
  readonly selected: readonly PipeConfig[];
  /** Asked for, or to be expected, and yet not started. */
  readonly notStarted: readonly NotStarted[];
}

export interface NotStarted {
  readonly pipe: PipeConfig;
  /** Completes "<pipe> is not started: ". */
  readonly reason: string;
}

/**
 * `names` are ids of pipes, or names of configuration files (`x.yaml`) for the enabled pipes in them. An id starts its
 * pipe whether enabled or not. Without names every enabled pipe starts, but of the blocks in the folder `agent-config`
 * that are named by their id only those of `default.yaml`, when there is one.
 *
 * A pipe whose source or sender is disabled never starts. Throws FUSTOR_CONFIG_INVALID for a name that is neither.
 */
export function selectPipes(config: AgentConfig, names: readonly string[]): Selection {
  const verdicts = names.length === 0 ? withoutNames(config) : byNames(config, names);
  const selected: PipeConfig[] = [];
  const notStarted: NotStarted[] = [];
  for (const [pipe, verdict] of verdicts) {
    const reason = verdict ?? disabledEnd(config, pipe);
    if (reason === undefined) selected.push(pipe);
    else notStarted.push({ pipe, reason });
  }
  return { selected, notStarted };
}

/**
 * The same choice once more, for a configuration that changed under a running agent: a name that is gone chooses
 * nothing, and the loss of all of them is no wish for every pipe.
 */
export function selectPipesAgain(config: AgentConfig, names: readonly string[]): Selection {
  const known = names.filter((name) => config.pipes.has(name) || config.files.some((file) => isNamed(file, name)));
  if (names.length > 0 && known.length === 0) return { selected: [], notStarted: [] };
  return selectPipes(config, known);
}

/** Per pipe why it does not start, or undefined. */
type Verdicts = ReadonlyMap<PipeConfig, string | undefined>;

function withoutNames(config: AgentConfig): Verdicts {
  const folder = join(config.configDir, "agent-config");
  const isDefault = (file: string): boolean => /^default\.ya?ml$/.test(basename(file)) && dirname(file) === folder;
  const defaultFile = config.files.find(isDefault);
  const verdict = (pipe: PipeConfig): string | undefined => {
    const { file } = pipe.origin;
    const leftOut = defaultFile !== undefined && pipe.form === "dict" && dirname(file) === folder && !isDefault(file);
    if (!leftOut) return notEnabled(pipe);
    return `only pipes of ${basename(defaultFile)} start by themselves; run \`start ${pipe.id}\` or \`start ${basename(file)}\``;
  };
  return new Map([...config.pipes.values()].map((pipe) => [pipe, verdict(pipe)]));
}

function byNames(config: AgentConfig, names: readonly string[]): Verdicts {
  const verdicts = new Map<PipeConfig, string | undefined>();
  for (const name of names) {
    const pipe = config.pipes.get(name);
    if (pipe !== undefined) {
      verdicts.set(pipe, undefined);
      continue;
    }
    if (!config.files.some((file) => isNamed(file, name))) throw unknownName(config, name);
    for (const each of config.pipes.values()) {
      // A pipe that was asked for by its id stays selected.
      if (isNamed(each.origin.file, name) && !verdicts.has(each)) verdicts.set(each, notEnabled(each));
    }
  }
  return verdicts;
}

const isNamed = (file: string, name: string): boolean => file === name || basename(file) === name;

const notEnabled = (pipe: PipeConfig): string | undefined =>
  pipe.enabled ? undefined : `it is not enabled; set enabled: true or run \`start ${pipe.id}\``;

function disabledEnd(config: AgentConfig, pipe: PipeConfig): string | undefined {
  if (config.sources.get(pipe.source)?.disabled) return `its source ${quoted(pipe.source)} is disabled`;
  if (config.senders.get(pipe.sender)?.disabled) return `its sender ${quoted(pipe.sender)} is disabled`;
  return undefined;
}

/** Throws FUSTOR_CONFIG_INVALID with what may have been meant. */
export function requirePipe({ pipes }: AgentConfig, id: string): PipeConfig {
  const pipe = pipes.get(id);
  if (pipe !== undefined) return pipe;
  const known = [...pipes.keys()];
  const similar = nearest(id, known);
  const hint = similar === undefined ? "" : `did you mean ${quoted(similar)}? `;
  const message = `there is no pipe ${quoted(id)}, ${hint}Known pipes: ${known.join(", ") || "none"}`;
  throw new FustorError("FUSTOR_CONFIG_INVALID", message, { details: { name: id, pipes: known } });
}

function unknownName(config: AgentConfig, name: string): FustorError {
  const pipes = [...config.pipes.keys()];
  const files = config.files.map((file) => basename(file));
  const similar = nearest(name, [...pipes, ...files]);
  const hint = similar === undefined ? "" : `did you mean ${quoted(similar)}? `;
  const known = `Known pipes: ${pipes.join(", ") || "none"}; files: ${files.join(", ")}`;
  return new FustorError(
    "FUSTOR_CONFIG_INVALID",
    `${quoted(name)} is neither a pipe nor a configuration file, ${hint}${known}`,
    {
      details: { name, pipes, files },
    },
  );
}
