/** A Fusion without HTTP that keeps its state in a folder, and what of it must be the same after a restart. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { FusionActs } from "../../src/fusion/fusion-acts.ts";
import { demoFusionConfig, type FusionConfig } from "../../src/fusion/fusion-config.ts";
import { FusionCore } from "../../src/fusion/fusion-core.ts";
import { checkIngestBody } from "../../src/fusion/ingest-validation.ts";
import { type KeptFusion, openState, type StateOptions } from "../../src/fusion/state/open-state.ts";
import { ROOT } from "../../src/fusion/tree.ts";
import { treePieces } from "../../src/fusion/tree-json.ts";
import type { View } from "../../src/fusion/view.ts";
import { viewStatistics } from "../../src/fusion/view-facts.ts";
import { createRecordingLogger, type RecordingLogger } from "./recording-logger.ts";
import { createTempFolder } from "./temp-tree.ts";

export const PIPE = "pipe-1";
const VIEW = "view-1";

/** Both clocks stand until a test moves them. */
export class StandingClock {
  seconds = 1_700_000_000;
  wallSeconds = (): number => this.seconds;
  monotonicMs = (): number => (this.seconds - 1_600_000_000) * 1000;
}

export const keptConfig = (view = VIEW): FusionConfig =>
  demoFusionConfig({ pushKey: "push", readKey: "read", pipe: PIPE, view });

/** No two sessions have the same id, as in a real Fusion. */
let ids = 0;

export interface Kept extends KeptFusion {
  readonly acts: FusionActs;
  readonly logger: RecordingLogger;
  readonly view: View;
}

export async function openKept(folder: string, options: Partial<StateOptions> = {}): Promise<Kept> {
  const logger = createRecordingLogger();
  const config = options.config ?? keptConfig();
  const opened = await openState({
    folder,
    config,
    clock: new StandingClock(),
    logger,
    makeCore: (clock, gated) => new FusionCore(config, clock, gated, () => `id-${++ids}`),
    lock: undefined,
    ...options,
  });
  const [view] = opened.core.views.values();
  if (view === undefined) throw new Error("unreachable: there is a view");
  return { ...opened, acts: new FusionActs(opened.core, () => `s-${++ids}`, opened.store), logger, view };
}

/** What a kill at this moment would leave. */
export function copyOf(folder: string): string {
  const copy = join(createTempFolder("state-copy"), "state");
  cpSync(folder, copy, { recursive: true });
  return copy;
}

export function ingest({ acts }: Kept, session: string, body: object): void {
  const bytes = Buffer.from(JSON.stringify({ session_id: session, ...body }));
  const batch = checkIngestBody(JSON.parse(bytes.toString()));
  if (!batch.ok) throw new Error(JSON.stringify(batch.problem));
  acts.ingest(session, batch.value, () => bytes);
}

export function open({ acts }: Kept, taskId: string, resumes?: string): string {
  const request = { taskId, sourceUri: null, timeoutSeconds: 30, resumes };
  const outcome = acts.openSession(PIPE, request, null);
  if (outcome.kind !== "opened") throw new Error("the view is locked");
  return outcome.session.id;
}

interface Node {
  readonly path: string;
  readonly children?: readonly Node[];
}

/** By path: the order of the children may be another one. */
function* flat({ children, ...entry }: Node): Generator<Node> {
  yield entry;
  for (const child of children ?? []) yield* flat(child);
}

/** Everything that agents and readers can see, as one text. */
export function pictureOf({ core, view }: Kept): string {
  const text = [...treePieces(view.arbitration, ROOT, { maxDepth: undefined, onlyPath: false, extra: "" })].join("");
  const tree = [...flat(JSON.parse(text) as Node)].sort((one, other) => (one.path < other.path ? -1 : 1));
  const sessions = core.everySession().map((session) => ({ ...session, at: core.positionOf(session) }));
  return JSON.stringify([
    tree,
    viewStatistics(view),
    view.seat,
    view.isKept,
    sessions,
    [...core.pipes.values()][0]?.statistics,
  ]);
}
