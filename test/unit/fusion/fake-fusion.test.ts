/** The fake far side of the pipe's tests against the arbitration that it imitates: equal views after any rows, and equal audits. */
import { expect, test, vi } from "vitest";
import { Arbitration } from "../../../src/fusion/arbitration.ts";
import type { IngestEvent } from "../../../src/fusion/ingest-batch.ts";
import { ROOT } from "../../../src/fusion/tree.ts";
import { FakeFusion } from "../../../src/sdk/testing/fake-fusion.ts";
import { seededRandom } from "../../support/temp-tree.ts";

const OLD = 1_700_000_000;
const PATHS = ["/a", "/b", "/a/x", "/a/y", "/a/d", "/a/d/z", "/b/x"];

function shownBy(arbitration: Arbitration): string[] {
  const { tree } = arbitration;
  const shown: string[] = [];
  for (let id = ROOT; id <= tree.highestId; id++) {
    const path = tree.isLive(id) ? tree.pathOf(id) : "/";
    if (path !== "/") shown.push(`${path} ${tree.isDirectory(id)} ${tree.sizeOf(id)} ${tree.modifiedOf(id)}`);
  }
  return shown.sort();
}

const shownByFake = ({ view }: FakeFusion): string[] =>
  [...view]
    .filter(([path]) => path !== "/")
    .map(([path, { isDirectory, size, modifiedTime }]) => `${path} ${isDirectory} ${size} ${modifiedTime}`)
    .sort();

test("any rows of any origin, with audits and new sessions among them, leave the fake's view equal to the arbitration's", () => {
  for (let seed = 1; seed <= 120; seed++) {
    const random = seededRandom(seed);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    const arbitration = new Arbitration({
      clock: { wallSeconds: () => Date.now() / 1000, monotonicMs: () => 0 },
      hotFileSeconds: 0,
      tombstoneSeconds: 1e9,
    });
    // The fake knows no clock but the wall's.
    vi.spyOn(arbitration.logicalClock, "sample").mockImplementation(() => undefined);
    const fake = new FakeFusion();
    const request = { taskId: "t", sourceType: "fs", sourceUri: "/" };
    const { sessionId } = fake.createSession(request);
    const story: string[] = [];
    for (let step = 0; step < 40; step++) {
      const dice = random();
      if (dice < 0.06) {
        story.push("audit ends");
        fake.ingest({ sessionId, sourceType: "audit", isEnd: true, events: [] });
        arbitration.finishAudit();
      } else if (dice < 0.08) {
        story.push("new session");
        fake.createSession(request);
        arbitration.forgetAudit();
      } else {
        const path = pick(PATHS);
        const messageSource = pick(["realtime", "snapshot", "audit"] as const);
        // An audit tells of what is there and never deletes.
        const eventType = random() < 0.2 && messageSource !== "audit" ? "delete" : "update";
        const is_directory = ["/a", "/b", "/a/d"].includes(path);
        const listing = random() < 0.5 ? { parent_path: "/a", parent_mtime: OLD + Math.floor(random() * 5) } : {};
        const modified_time = random() < 0.1 ? Date.now() / 1000 + 1e6 : OLD + Math.floor(random() * 5);
        const upsert = { path, size: step, modified_time, is_directory, ...listing };
        const row = eventType === "delete" ? { path, modified_time: OLD + Math.floor(random() * 5) } : upsert;
        const event = { eventType, messageSource, index: step, rows: [row] };
        story.push(JSON.stringify({ messageSource, eventType, row }));
        fake.ingest({ sessionId, sourceType: "message", isEnd: false, events: [event] });
        arbitration.apply(event as IngestEvent);
      }
      const [shown, wanted] = [shownByFake(fake), shownBy(arbitration)];
      if (shown.join() !== wanted.join()) expect(shown, `seed ${seed}\n${story.join("\n")}`).toEqual(wanted);
    }
  }
});
