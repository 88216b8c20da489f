/**
 * The {@link PipeConfigService} over the files of a configuration: what it may change is one file, which it replaces as
 * a whole after the configuration was tried with it.
 */
import { rm } from "node:fs/promises";
import { ensureHome, homePaths, resolveHome } from "../../config/home.ts";
import { configDirOf, type LoadOptions, loadConfig, readConfigTrees } from "../../config/load.ts";
import type { AgentConfig } from "../../config/model.ts";
import type { ConfigTree } from "../../config/parse.ts";
import {
  FustorError,
  type ListedPipeConfig,
  type PipeConfigChange,
  type PipeConfigOutcome,
  type PipeConfigService,
  type PipeEntry,
} from "../../sdk/index.ts";
import { formatProblem, invalidConfig } from "../../yaml/problem.ts";
import { takeLock } from "../process/take-lock.ts";
import { writeDurably } from "../state/durable-file.ts";
import { requireChangeable, requireFree, requireFreeEnds } from "./conflicts.ts";
import {
  contentOf,
  entryOf,
  merged,
  namedTwice,
  normalized,
  type RuntimeContent,
  textOf,
  withEntry,
  withoutEntry,
} from "./runtime-content.ts";

/** A change that is written, for the agent that is to run by it. */
export interface WrittenChange {
  readonly id: string;
  /** False also for a pipe that was deleted. */
  readonly isEnabled: boolean;
  /** What is worth knowing about the configuration, one line each. */
  readonly warnings: readonly string[];
}

export interface PipeConfigServiceParts {
  readonly load: LoadOptions;
  /** Has the agent run by the configuration as it is now. Never rejects. */
  readonly apply: (change: WrittenChange) => Promise<PipeConfigOutcome>;
  /** An agent without any pipe cannot go on, so the last one stays. */
  readonly keepsOnePipe: boolean;
}

/** What becomes of the content; throws why nothing does. */
type Edit = (content: RuntimeContent, trees: readonly ConfigTree[]) => RuntimeContent;

export class FilePipeConfigs implements PipeConfigService {
  readonly #parts: PipeConfigServiceParts;
  readonly #file: string;
  readonly #lock: string;
  /** Changes of this process take turns. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: PipeConfigServiceParts) {
    const { runtimeConfig, runtimeConfigLock } = homePaths(configDirOf(parts.load));
    this.#parts = parts;
    this.#file = runtimeConfig;
    this.#lock = runtimeConfigLock;
  }

  async list(): Promise<readonly ListedPipeConfig[]> {
    const { pipes } = await loadConfig(this.#parts.load);
    return [...pipes.values()].map(({ id, source, sender, enabled, origin }) => {
      const { file, line } = origin;
      return { id, source, sender, enabled, file, line, changeable: file === this.#file };
    });
  }

  add(id: string, pipe: PipeEntry): Promise<PipeConfigChange> {
    return this.#change(id, (content, trees) => {
      const entry = checked(pipe);
      requireFree(trees, id);
      requireFreeEnds(trees, id, entry);
      return withEntry(content, id, { ...entry, enabled: entry.enabled ?? true });
    });
  }

  update(id: string, changes: PipeEntry): Promise<PipeConfigChange> {
    return this.#change(id, (content, trees) => {
      requireChangeable(trees, id);
      const entry = merged(entryOf(content, id), checked(changes)) as PipeEntry;
      requireFreeEnds(trees, id, entry);
      return withEntry(content, id, entry);
    });
  }

  enable(id: string): Promise<PipeConfigChange> {
    return this.#switch(id, true);
  }

  disable(id: string): Promise<PipeConfigChange> {
    return this.#switch(id, false);
  }

  #switch(id: string, enabled: boolean): Promise<PipeConfigChange> {
    return this.#change(id, (content, trees) => {
      requireChangeable(trees, id);
      const { disabled: _, ...entry } = entryOf(content, id) ?? {};
      return withEntry(content, id, { ...entry, enabled });
    });
  }

  delete(id: string): Promise<PipeConfigChange> {
    return this.#change(id, (content, trees) => {
      requireChangeable(trees, id);
      return withoutEntry(content, id);
    });
  }

  /** The next change waits for the agent, too: otherwise one reload could answer for the other's pipe. */
  #change(id: string, edit: Edit): Promise<PipeConfigChange> {
    const turn = this.#last.then(async () => {
      const config = await this.#locked(() => this.#write(id, edit));
      const warnings = config?.warnings.map((warning) => `warning: ${formatProblem(warning)}`) ?? [];
      const isEnabled = config?.pipes.get(id)?.enabled ?? false;
      return { id, file: this.#file, outcome: await this.#parts.apply({ id, isEnabled, warnings }) };
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** The configuration that is there now; undefined when nothing is left of it. */
  async #write(id: string, edit: Edit): Promise<AgentConfig | undefined> {
    const { trees, problems } = await readConfigTrees(this.#parts.load);
    if (problems.errors.length > 0) throw invalidConfig(problems.errors, problems.warnings);
    const content = contentOf(trees.find(({ file }) => file === this.#file)?.tree);
    const text = textOf(edit(content, trees));
    if (text === undefined && trees.length === 1 && !this.#parts.keepsOnePipe) return this.#replace(text);
    const config = await loadConfig({ ...this.#parts.load, runtimeText: text ?? null }).catch((error: unknown) => {
      throw this.#parts.keepsOnePipe ? withoutMissing(error, id) : error;
    });
    if (this.#parts.keepsOnePipe && config.pipes.size === 0) throw lastPipe(id);
    await this.#replace(text);
    return config;
  }

  async #replace(text: string | undefined): Promise<undefined> {
    if (text !== undefined) await writeDurably(this.#file, text);
    else await rm(this.#file, { force: true });
  }

  /** Other processes of this configuration folder keep out meanwhile. */
  async #locked<T>(work: () => Promise<T>): Promise<T> {
    await ensureHome(resolveHome(this.#parts.load.env ?? process.env, this.#parts.load.cwd));
    const lock = await takeLock(this.#lock, "another process is changing pipes");
    try {
      return await work();
    } finally {
      lock.unlock();
    }
  }
}

function checked(pipe: PipeEntry): PipeEntry {
  const twice = namedTwice(pipe);
  if (twice.length === 0) return normalized(pipe);
  throw new FustorError("FUSTOR_CONFIG_INVALID", `${twice.join(" and ")} say the same: keep one of them`);
}

function lastPipe(id: string): FustorError {
  const cure = `stop the agent first (fustor-agent stop), or switch the pipe off: fustor-agent pipe disable ${id}`;
  return new FustorError(
    "FUSTOR_CONFIG_INVALID",
    `${id} is the last pipe, and an agent cannot run without one: ${cure}`,
  );
}

const withoutMissing = (error: unknown, id: string): unknown =>
  error instanceof FustorError && error.code === "FUSTOR_CONFIG_MISSING" ? lastPipe(id) : error;
