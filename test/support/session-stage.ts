/**
 * The parts of one session on their real neighbours, without a pipe around them: a fake source, a bus that a test fills
 * itself, the embedded Fusion without HTTP, and a clock that stands still until a test lets it go on.
 */
import { ChainBus } from "../../src/bus/chain-bus.ts";
import type { PipeParts, PipeSettings } from "../../src/pipe/pipe-options.ts";
import { keptParts } from "../../src/pipe/session/kept-parts.ts";
import type { Predecessors } from "../../src/pipe/session/predecessors.ts";
import type { SessionEvent } from "../../src/pipe/session/session-events.ts";
import { makeSession, type SessionMakings, type SessionParts } from "../../src/pipe/session/session-parts.ts";
import { firstState, nextStep, type SessionState } from "../../src/pipe/session/session-state.ts";
import type { BusSubscription, OpenedFeed } from "../../src/sdk/event-bus.ts";
import type { Change, Session } from "../../src/sdk/index.ts";
import { CoreFusion, type CoreFusionOptions } from "./core-fusion.ts";
import { CoreSender } from "./core-sender.ts";
import { FakeSource, type FakeSourceOptions } from "./fake-source.ts";
import { FakeStore, testSettings } from "./fake-store.ts";
import { FaultySender, type ReceivedEnvelope } from "./faulty-sender.ts";
import { createRecordingLogger } from "./recording-logger.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface StageOptions {
  readonly source?: FakeSourceOptions;
  readonly fusion?: CoreFusionOptions;
  readonly settings?: Partial<PipeSettings>;
  readonly session?: Partial<Session>;
  readonly before?: Partial<Predecessors>;
  readonly resumption?: SessionMakings["resumption"];
  /** What the source says when its stream is opened. Default: it lost its position. */
  readonly opened?: OpenedFeed;
  readonly parts?: Partial<PipeParts>;
}

const NO_PREDECESSORS: Predecessors = {
  earlierRunAliveAt: undefined,
  stoppedRunAliveAt: undefined,
  mayFollowOthers: false,
};

/** Epoch ms at which the clock of a stage begins. */
export const STAGE_EPOCH = 1_790_000_000_000;

/** Time that a test moves; the wall clock goes with it. */
export class StageClock extends VirtualClock {
  override readonly wallClock = (): number => STAGE_EPOCH + this.now();
}

export class SessionStage {
  readonly clock = new StageClock(() => 0.5);
  readonly source: FakeSource;
  readonly fusion: CoreFusion;
  readonly receiver: CoreSender;
  readonly sender: FaultySender<CoreSender>;
  readonly store = new FakeStore();
  readonly logger = createRecordingLogger();
  readonly bus: ChainBus;
  readonly subscription: BusSubscription;
  /** Arguments of each opening of the source's stream. */
  readonly opened: (readonly [number, string | undefined])[] = [];
  readonly session: Session;
  readonly makings: SessionMakings;
  readonly pipe: PipeParts;
  /** Everything that was emitted, in order. */
  readonly events: SessionEvent[] = [];
  readonly plan: { state: SessionState };
  #parts: SessionParts | undefined;
  #sequence = 0;

  constructor(options: StageOptions = {}) {
    this.source = new FakeSource(options.source);
    this.fusion = new CoreFusion(options.fusion);
    this.receiver = new CoreSender(this.fusion);
    this.sender = new FaultySender(this.receiver);
    const { opened = { positionLost: true } } = options;
    this.bus = new ChainBus({ maxChanges: 1_000, maxBytes: 1e9 }, this.clock, (...at) => {
      this.opened.push(at);
      return opened;
    });
    this.subscription = this.bus.subscribe();
    const created = this.fusion.createSession({ taskId: "agent-1:pipe-1", sourceType: "fs", sourceUri: "/fake" });
    this.session = { ...created, ...options.session };
    this.plan = { state: firstState(this.session.role) };
    this.pipe = {
      settings: { ...testSettings, ...options.settings },
      source: this.source,
      sender: this.sender,
      bus: this.subscription,
      store: this.store,
      logger: this.logger,
      ambience: this.clock,
      ...options.parts,
    };
    this.makings = {
      ...keptParts(this.pipe, () => this.plan.state.kind === "leading"),
      open: { session: this.session, askedAt: 0 },
      pipe: this.pipe,
      before: { ...NO_PREDECESSORS, ...options.before },
      resumption: options.resumption ?? "none",
    };
  }

  /** Made at the first use. An event is written down and changes the plan; what a session does upon it is left out. */
  get parts(): SessionParts {
    this.#parts ??= makeSession(this.makings, this.plan, (event) => {
      this.events.push(event);
      this.plan.state = nextStep(this.plan.state, event).state;
    });
    return this.#parts;
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  of<K extends SessionEvent["kind"]>(kind: K): Extract<SessionEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<SessionEvent, { kind: K }> => event.kind === kind);
  }

  /** A leader whose snapshot has begun. */
  lead(): void {
    this.plan.state = { kind: "leading", snapshot: "begun", wasFollower: false };
  }

  /** That a file was written, as the source would report it. */
  change(path: string, modifiedTime = 5): Change {
    const sequence = ++this.#sequence;
    const row = { path, file_name: path, size: 1, modified_time: modifiedTime, created_time: 5, is_directory: false };
    return { op: "update", key: path, row, sequence, isContainer: false };
  }

  write(path: string, modifiedTime?: number): Change {
    return this.#publish(this.change(path, modifiedTime));
  }

  remove(path: string): Change {
    return this.#publish({ op: "delete", key: path, row: { path }, sequence: ++this.#sequence, isContainer: false });
  }

  #publish(change: Change): Change {
    this.bus.publish({ changes: [change], sizeBytes: 100, lagMs: 7 });
    return change;
  }
}

/** What a push held: "message /a /b", "snapshot /", "snapshot end". */
export function told({ sourceType, isEnd, events, metadata }: ReceivedEnvelope): string {
  const paths = events.flatMap(({ rows }) => rows.map(({ path }) => String(path)));
  return [sourceType, ...paths, ...(isEnd ? ["end"] : []), ...(metadata === undefined ? [] : ["complete"])].join(" ");
}
