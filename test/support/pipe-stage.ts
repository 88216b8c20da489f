/** A whole pipe on its real neighbours, with a clock that stands still until a test lets it go on. */
import { ChainBus } from "../../src/bus/chain-bus.ts";
import { Pipe } from "../../src/pipe/pipe.ts";
import type { PipeParts, PipeSettings } from "../../src/pipe/pipe-options.ts";
import type { BusSubscription, OpenedFeed } from "../../src/sdk/event-bus.ts";
import type { Change } from "../../src/sdk/index.ts";
import { CoreFusion, type CoreFusionOptions } from "./core-fusion.ts";
import { CoreSender } from "./core-sender.ts";
import { FakeSource } from "./fake-source.ts";
import { FakeStore, testSettings } from "./fake-store.ts";
import { FaultySender } from "./faulty-sender.ts";
import { createRecordingLogger } from "./recording-logger.ts";
import { StageClock, told } from "./session-stage.ts";
import { atRest, ended } from "./turns.ts";

export interface PipeStageOptions {
  readonly settings?: Partial<PipeSettings>;
  readonly fusion?: CoreFusionOptions;
  /** What the source says when its stream is opened. Default: it lost its position. */
  readonly opened?: OpenedFeed;
  readonly parts?: Partial<PipeParts>;
  /** Where an earlier run goes on. */
  readonly resumedFrom?: string;
}

export class PipeStage {
  readonly clock = new StageClock(() => 0.5);
  readonly source = new FakeSource();
  readonly fusion: CoreFusion;
  readonly receiver: CoreSender;
  readonly sender: FaultySender<CoreSender>;
  readonly store = new FakeStore();
  readonly logger = createRecordingLogger();
  readonly bus: ChainBus;
  readonly subscription: BusSubscription;
  readonly pipe: Pipe;
  /** Arguments of each opening of the source's stream. */
  readonly opened: (readonly [number, string | undefined])[] = [];
  #sequence = 0;

  constructor({ settings, fusion, opened = { positionLost: true }, parts, resumedFrom }: PipeStageOptions = {}) {
    if (resumedFrom !== undefined) Object.assign(this.source, { resumedFrom });
    this.fusion = new CoreFusion(fusion);
    this.receiver = new CoreSender(this.fusion);
    this.sender = new FaultySender(this.receiver);
    this.bus = new ChainBus({ maxChanges: 1_000, maxBytes: 1e9 }, this.clock, (...at) => {
      this.opened.push(at);
      return opened;
    });
    this.subscription = this.bus.subscribe();
    this.pipe = new Pipe({
      settings: { ...testSettings, ...settings },
      source: this.source,
      sender: this.sender,
      bus: this.subscription,
      store: this.store,
      logger: this.logger,
      ambience: this.clock,
      ...parts,
    });
  }

  pushes(): string[] {
    return this.sender.pushes.map(told);
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    await this.clock.passTo(this.clock.now() + ms);
    await atRest();
  }

  /** Stops at once. */
  async stop(): Promise<void> {
    await ended(this.pipe.stop({ deadlineMs: 0 }));
  }

  write(path: string): void {
    const sequence = ++this.#sequence;
    const row = { path, file_name: path, size: 1, modified_time: 5, created_time: 5, is_directory: false };
    const change: Change = { op: "update", key: path, row, sequence, isContainer: false };
    this.bus.publish({ changes: [change], sizeBytes: 100, lagMs: 7 });
  }
}
