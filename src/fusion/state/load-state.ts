/** Reads what an earlier run left in a state folder: the last checkpoint, and the commands that came after it. */
import type { FusionConfig } from "../fusion-config.ts";
import type { FusionCore } from "../fusion-core.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { carryOut } from "./command.ts";
import { type Frame, UnusableState } from "./frames.ts";
import type { HeldClock } from "./held-clock.ts";
import { readJournal } from "./journal.ts";
import type { StateFiles } from "./state-files.ts";

const VERSION = 1;
const CHECKPOINT = "fustor-fusion-checkpoint";
const JOURNAL = "fustor-fusion-journal";

export interface CheckpointHead {
  readonly generation: number;
  /** The monotonic clock, in milliseconds. */
  readonly mono: number;
}

export interface Loaded {
  /** The generation with which journals go on. */
  readonly next: number;
  /** Commands that were carried out again. */
  readonly commands: number;
}

/** Which machine since which start of it, and for which views: a state is good for no others. */
export interface Ground {
  readonly boot: string;
  readonly topology: string;
  /** What else of the configuration decides what a command does: a journal is good only under the same. */
  readonly rules: string;
}

/** Pipes and the views that they feed. */
export const topologyOf = ({ views, pipes }: FusionConfig): string =>
  JSON.stringify([[...views.keys()].sort(), [...pipes.values()].map(({ id, views: fed }) => [id, fed]).sort()]);

/** Under other timeouts a session would end, or a view be emptied, where it did not when the command was answered. */
export const rulesOf = ({ views, pipes }: FusionConfig): string =>
  JSON.stringify([
    [...views.values()].map((view) => [
      view.id,
      view.hotFileThresholdSeconds,
      view.retentionSeconds,
      view.tombstoneSeconds,
    ]),
    [...pipes.values()].map((pipe) => [pipe.id, pipe.sessionTimeoutSeconds, pipe.allowConcurrentPush]),
  ]);

export const checkpointHead = (head: CheckpointHead, { topology }: Ground): object => ({
  kind: CHECKPOINT,
  version: VERSION,
  topology,
  ...head,
});

export const journalHead = (generation: number, { boot, rules }: Ground): object => ({
  kind: JOURNAL,
  version: VERSION,
  generation,
  boot,
  rules,
});

/**
 * Undefined when there is nothing. Throws {@link UnusableState}: then nothing in the core is to be used.
 *
 * The journal is not synced with each command. So after a start of the machine its end may be missing, and it is
 * worthless, unless the Fusion had ended in order.
 */
export async function loadState(
  files: StateFiles,
  core: FusionCore,
  clock: HeldClock,
  ground: Ground,
): Promise<Loaded | undefined> {
  const journals = files.generations("journal");
  const generation = files.generations("checkpoint").at(-1);
  if (generation === undefined) {
    if (journals.length > 0) throw new UnusableState("its checkpoint is missing");
    return undefined;
  }
  const path = files.checkpoint(generation);
  const head = await readCheckpoint(path, core, (found) => acceptCheckpoint(found, generation, ground));
  const later = journals.filter((each) => each >= generation);
  const clean = files.generations("clean").includes(generation);
  if (later.length === 0 && !clean) throw new UnusableState("the journal of its checkpoint is missing");
  if (later.some((each, at) => each !== generation + at)) throw new UnusableState("one of its journals is missing");
  const replay = new Replay(core, clock, head.mono);
  for (const each of later) await replay.play(files.journal(each), each, ground);
  clock.goOnFrom(replay.mono);
  return { next: generation + later.length, commands: replay.commands };
}

function acceptCheckpoint(head: Frame["head"], generation: number, { topology }: Ground): CheckpointHead {
  acceptKind(head, CHECKPOINT, generation);
  if (head.topology !== topology) throw new UnusableState("it is of other views and pipes than those configured");
  return head as unknown as CheckpointHead;
}

function acceptKind({ kind, version, generation }: Frame["head"], wanted: string, expected: number): void {
  if (kind !== wanted) throw new UnusableState("it was not written by a Fusion");
  if (version !== VERSION) throw new UnusableState(`it has version ${version}, and this Fusion knows ${VERSION}`);
  if (generation !== expected) throw new UnusableState("it was renamed");
}

class Replay {
  readonly #core: FusionCore;
  readonly #clock: HeldClock;
  mono: number;
  commands = 0;

  constructor(core: FusionCore, clock: HeldClock, mono: number) {
    this.#core = core;
    this.#clock = clock;
    this.mono = mono;
  }

  async play(path: string, generation: number, { boot, rules }: Ground): Promise<void> {
    let isFirst = true;
    for await (const frame of readJournal(path)) {
      if (isFirst) {
        acceptKind(frame.head, JOURNAL, generation);
        if (frame.head.boot !== boot) {
          throw new UnusableState("the machine has been started again since, so the end of its journal may be missing");
        }
        if (frame.head.rules !== rules) {
          throw new UnusableState("its timeouts have been changed since, and it had not ended in order");
        }
        isFirst = false;
      } else this.#command(frame);
    }
    if (isFirst) throw new UnusableState("a journal has no head");
  }

  #command(frame: Frame): void {
    const { wall, mono } = frame.head as { wall: number; mono: number };
    this.#clock.during({ wall, mono }, () => carryOut(this.#core, frame));
    this.mono = Math.max(this.mono, mono);
    this.commands++;
  }
}
