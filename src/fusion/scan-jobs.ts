/**
 * Scans on demand of one view: a reader asks for one, every session carries it out, and it is finished when each
 * session has reported or is gone.
 */

export interface ScanJob {
  readonly id: string;
  readonly path: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly asked: Set<string>;
  readonly done: Set<string>;
  completedAt: number | null;
}

/** Finished jobs are kept for readers; the oldest are dropped first. */
const KEPT = 200;

export class ScanJobs {
  readonly #jobs = new Map<string, ScanJob>();

  open(id: string, path: string, sessionIds: readonly string[], now: number): ScanJob {
    const job: ScanJob = { id, path, createdAt: now, asked: new Set(sessionIds), done: new Set(), completedAt: null };
    this.#jobs.set(id, job);
    this.#settle(job, now);
    if (this.#jobs.size > KEPT) this.#dropOldest();
    return job;
  }

  get(id: string): ScanJob | undefined {
    return this.#jobs.get(id);
  }

  all(): readonly ScanJob[] {
    return [...this.#jobs.values()];
  }

  /** A session finished a job; without an id every open job of that path counts. */
  complete(sessionId: string, jobId: string | undefined, path: string | undefined, now: number): void {
    for (const job of this.#jobs.values()) {
      if (job.completedAt !== null || !job.asked.has(sessionId)) continue;
      if (jobId === undefined ? job.path !== path : job.id !== jobId) continue;
      job.done.add(sessionId);
      this.#settle(job, now);
    }
  }

  /** A session is gone: its jobs do not wait for it. */
  drop(sessionId: string, now: number): void {
    for (const job of this.#jobs.values()) {
      if (job.completedAt !== null || job.done.has(sessionId)) continue;
      if (job.asked.delete(sessionId)) this.#settle(job, now);
    }
  }

  clear(): void {
    this.#jobs.clear();
  }

  #settle(job: ScanJob, now: number): void {
    if (job.done.size >= job.asked.size) job.completedAt = now;
  }

  #dropOldest(): void {
    const oldest = [...this.#jobs.values()].find((job) => job.completedAt !== null);
    const id = oldest?.id ?? this.#jobs.keys().next().value;
    if (id !== undefined) this.#jobs.delete(id);
  }
}
