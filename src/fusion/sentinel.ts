/** The sentinel's questions about files that may still be written, and what agents saw of them. */
import type { DeskAnswer } from "../sdk/receiver-driver.ts";
import { isSize, pathOf, type RawRow } from "./fs-row.ts";
import type { FusionActs } from "./fusion-acts.ts";
import type { View } from "./view.ts";

/** Bound for the paths of one task: an agent reads no answer of more than 1 MiB. */
const TASK_BYTES = 262_144;

/** An empty object is no task. */
export function sentinelTask(views: readonly View[]): Readonly<Record<string, unknown>> {
  for (const view of views) {
    const { tree } = view.arbitration;
    const files = view.arbitration.suspects.all().filter((id) => !tree.isDirectory(id));
    if (files.length === 0) continue;
    return { type: "suspect_check", paths: asManyAsFit(files, (id) => tree.pathOf(id)), view_id: view.config.id };
  }
  return {};
}

function asManyAsFit(ids: readonly number[], pathOfId: (id: number) => string): readonly string[] {
  const paths: string[] = [];
  let bytes = 0;
  for (const id of ids) {
    const path = pathOfId(id);
    bytes += Buffer.byteLength(path) + 3;
    if (bytes > TASK_BYTES) break;
    paths.push(path);
  }
  return paths;
}

export function applyFeedback(acts: FusionActs, pipe: string, body: unknown): DeskAnswer {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return { status: 422, body: { detail: [{ type: "dict_type", loc: ["body"], msg: "must be an object" }] } };
  }
  const { type, updates } = body as { type?: unknown; updates?: unknown };
  if (type !== "suspect_update") return { status: 200, body: { status: "ignored", reason: "unknown_type" } };
  const list = Array.isArray(updates) ? updates : [];
  const updated = list.length === 0 ? 0 : acts.correct(pipe, list);
  return { status: 200, body: { status: "processed", drivers_updated: updated } };
}

/** A missing file is left to realtime changes and audits: a stat that does not find it is no proof of a delete. */
export function correctSuspect(view: View, update: unknown): void {
  if (typeof update !== "object" || update === null) return;
  const { mtime, size, status } = update as Record<string, unknown>;
  const path = pathOf(update as RawRow);
  if (path === undefined || typeof mtime !== "number" || !Number.isFinite(mtime) || status === "missing") return;
  view.arbitration.suspects.correct(path, mtime, isSize(size) ? size : undefined);
}
