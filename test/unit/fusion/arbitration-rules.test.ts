/** The rules of arbitration as docs/protocol.md states them, written down a second time in the plainest way: after any rows of any
 * origin both hold the same view. */
import { expect, test, vi } from "vitest";
import { Arbitration } from "../../../src/fusion/arbitration.ts";
import type { IngestEvent } from "../../../src/fusion/ingest-batch.ts";
import { ROOT } from "../../../src/fusion/tree.ts";
import { parentKey } from "../../../src/sdk/parent-key.ts";
import { seededRandom } from "../../support/temp-tree.ts";

const OLD = 1_700_000_000;
const PATHS = ["/a", "/b", "/a/x", "/a/y", "/a/d", "/a/d/z", "/b/x"];
const NEVER = Number.NEGATIVE_INFINITY;

interface PlainRow {
  readonly path: string;
  readonly size: number;
  readonly modified_time: number;
  readonly is_directory: boolean;
  readonly parent_path?: string;
  readonly parent_mtime?: number;
}

type Origin = "realtime" | "snapshot" | "audit";

class PlainRules {
  readonly view = new Map<string, Omit<PlainRow, "path">>();
  readonly #tombstones = new Map<string, number>();
  #audit: { readonly seen: Set<string>; readonly touched: Set<string> } | undefined;

  newSession(): void {
    this.#audit = undefined;
  }

  delete(origin: Origin, { path, modified_time }: Pick<PlainRow, "path" | "modified_time">): void {
    if (origin === "realtime") this.#tombstones.set(path, Date.now() / 1000);
    else if (this.#modified(path) > modified_time) return;
    this.#remove(path);
  }

  upsert(origin: Origin, row: PlainRow): void {
    const { path, parent_path, parent_mtime } = row;
    if (origin === "audit") this.#audit ??= { seen: new Set(), touched: new Set() };
    if (row.modified_time <= (this.#tombstones.get(path) ?? NEVER)) return;
    this.#tombstones.delete(path);
    const isKnown = this.view.has(path);
    const listedBefore = parent_path !== undefined && this.#modified(parent_path) > (parent_mtime ?? NEVER);
    if (origin === "audit" && !isKnown && listedBefore) return;
    if (origin === "audit") this.#audit?.seen.add(path);
    if (origin !== "realtime" && this.#modified(path) >= row.modified_time) return;
    if (origin === "realtime") this.#audit?.touched.add(path);
    this.#put(path, row);
  }

  /** Every child of a directory that the audit held goes when it held no row of that child. */
  endAudit(): void {
    const audit = this.#audit;
    this.#audit = undefined;
    if (audit === undefined) return;
    for (const path of [...this.view.keys()]) {
      const above = parentKey(path) ?? "/";
      if (!audit.seen.has(above) || !this.view.has(above)) continue;
      if (!audit.seen.has(path) && !audit.touched.has(path) && !this.#tombstones.has(path)) this.#remove(path);
    }
  }

  #modified(path: string): number {
    return this.view.get(path)?.modified_time ?? NEVER;
  }

  #put(path: string, row: PlainRow): void {
    if (this.view.get(path)?.is_directory === true && !row.is_directory) this.#remove(path);
    for (let above = parentKey(path); above !== undefined && above !== "/"; above = parentKey(above)) {
      if (!this.view.has(above)) this.view.set(above, { size: 0, modified_time: 0, is_directory: true });
    }
    this.view.set(path, row);
  }

  #remove(path: string): void {
    for (const key of [...this.view.keys()]) {
      if (key !== path && !key.startsWith(`${path}/`)) continue;
      this.view.delete(key);
      // What comes back under this name is another entry.
      this.#audit?.seen.delete(key);
      this.#audit?.touched.delete(key);
    }
  }
}

function shownBy({ tree }: Arbitration): string[] {
  const shown: string[] = [];
  for (let id = ROOT; id <= tree.highestId; id++) {
    const path = tree.isLive(id) ? tree.pathOf(id) : "/";
    if (path !== "/") shown.push(`${path} ${tree.isDirectory(id)} ${tree.sizeOf(id)} ${tree.modifiedOf(id)}`);
  }
  return shown.sort();
}

const wantedBy = ({ view }: PlainRules): string[] =>
  [...view]
    .map(([path, { is_directory, size, modified_time }]) => `${path} ${is_directory} ${size} ${modified_time}`)
    .sort();

test("any rows of any origin, with audits and new sessions among them, leave the view that the plain rules give", () => {
  for (let seed = 1; seed <= 120; seed++) {
    const random = seededRandom(seed);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    const time = (): number => OLD + Math.floor(random() * 5);
    const arbitration = new Arbitration({
      clock: { wallSeconds: () => Date.now() / 1000, monotonicMs: () => 0 },
      hotFileSeconds: 0,
      tombstoneSeconds: 1e9,
    });
    // The plain rules know no clock but the wall's.
    vi.spyOn(arbitration.logicalClock, "sample").mockImplementation(() => undefined);
    const rules = new PlainRules();
    const story: string[] = [];
    for (let step = 0; step < 40; step++) {
      const dice = random();
      if (dice < 0.06) {
        story.push("audit ends");
        rules.endAudit();
        arbitration.finishAudit();
      } else if (dice < 0.08) {
        story.push("new session");
        rules.newSession();
        arbitration.forgetAudit();
      } else {
        const path = pick(PATHS);
        const origin = pick(["realtime", "snapshot", "audit"] as const);
        // An audit names what is there and never deletes.
        const eventType = random() < 0.2 && origin !== "audit" ? "delete" : "update";
        const is_directory = ["/a", "/b", "/a/d"].includes(path);
        const listing = random() < 0.5 ? { parent_path: "/a", parent_mtime: time() } : {};
        const modified_time = random() < 0.1 ? Date.now() / 1000 + 1e6 : time();
        const upsert = { path, size: step, modified_time, is_directory, ...listing };
        const row = eventType === "delete" ? { path, modified_time: time() } : upsert;
        const event: IngestEvent = { eventType, messageSource: origin, index: step, rows: [row] };
        story.push(JSON.stringify(event));
        if (eventType === "delete") rules.delete(origin, row);
        else rules.upsert(origin, upsert);
        arbitration.apply(event);
      }
      const [shown, wanted] = [shownBy(arbitration), wantedBy(rules)];
      if (shown.join() !== wanted.join()) expect(shown, `seed ${seed}\n${story.join("\n")}`).toEqual(wanted);
    }
  }
});
