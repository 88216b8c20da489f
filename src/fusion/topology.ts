/** Which pipe feeds which view, as the configuration says it: made once, never changed. */
import type { FusionClock } from "./fusion-clock.ts";
import type { FusionConfig, PipeConfig } from "./fusion-config.ts";
import { View } from "./view.ts";

export interface PipeFacts {
  readonly config: PipeConfig;
  readonly views: readonly View[];
  readonly statistics: {
    batches: number;
    events: number;
    rows: number;
    sessionsOpened: number;
    sessionsClosed: number;
  };
}

export class Topology {
  readonly views = new Map<string, View>();
  readonly pipes = new Map<string, PipeFacts>();
  readonly #feedersOf = new Map<View, Set<string>>();

  constructor(config: FusionConfig, clock: FusionClock) {
    for (const view of config.views.values()) this.views.set(view.id, new View(view, clock));
    for (const pipe of config.pipes.values()) {
      const views = pipe.views.flatMap((id) => this.views.get(id) ?? []);
      const statistics = { batches: 0, events: 0, rows: 0, sessionsOpened: 0, sessionsClosed: 0 };
      this.pipes.set(pipe.id, { config: pipe, views, statistics });
      for (const view of views) this.#feedersOf.set(view, (this.#feedersOf.get(view) ?? new Set()).add(pipe.id));
    }
  }

  /** Throws for an id that no route lets through: one that is not configured. */
  pipe(id: string): PipeFacts {
    const pipe = this.pipes.get(id);
    if (pipe === undefined) throw new Error(`pipe ${id} is not configured`);
    return pipe;
  }

  /** The ids of the pipes that feed this view. */
  feedersOf(view: View): ReadonlySet<string> {
    return this.#feedersOf.get(view) ?? new Set();
  }

  /** The lowest position of a task in the views of its pipe; undefined when one of them has none. */
  positionOf(pipeId: string, taskId: string): number | undefined {
    let lowest: number | undefined;
    for (const view of this.pipe(pipeId).views) {
      const position = view.positionOf(taskId);
      if (position === undefined) return undefined;
      lowest = Math.min(lowest ?? position, position);
    }
    return lowest;
  }

  feeds(pipeId: string, view: View): boolean {
    return this.pipes.get(pipeId)?.views.includes(view) ?? false;
  }
}
