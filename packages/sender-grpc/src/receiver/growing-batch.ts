/** The parts of a batch until it is whole. Its bytes count against the budget of all bodies that are being received. */
import type { ReceiverDesk } from "fustor-agent/sdk";
import type { Answer, BatchPart } from "../gen/fustor/v1/receiver_pb.ts";
import { refused } from "./answers.ts";

type Refusal = Answer["kind"] & { readonly case: "refusal" };

/** Of every part, so that empty ones are not free. */
const PART_COST = 64;

export class GrowingBatch {
  readonly #desk: ReceiverDesk;
  #call: number | undefined;
  #parts: Uint8Array[] = [];
  #held = 0;
  #bytes = 0;
  /** The call was answered already: the rest of its parts is thrown away. */
  #isRefused = false;

  constructor(desk: ReceiverDesk) {
    this.#desk = desk;
  }

  get isGrowing(): boolean {
    return this.#call !== undefined && !this.#isRefused;
  }

  has(call: number): boolean {
    return this.#call === call;
  }

  /** "more" until the last part; then all bytes, which stay held until {@link drop}. A refusal comes once. */
  take(call: number, { data, isLast }: BatchPart): "more" | Buffer | Refusal {
    if (this.#call !== call) this.drop();
    this.#call = call;
    if (this.#isRefused) return "more";
    const refusal = this.#add(data);
    if (refusal !== undefined) {
      this.drop();
      this.#call = call;
      this.#isRefused = true;
      return refusal;
    }
    return isLast ? Buffer.concat(this.#parts, this.#bytes) : "more";
  }

  drop(): void {
    this.#desk.give(this.#held);
    this.#call = undefined;
    this.#parts = [];
    this.#held = 0;
    this.#bytes = 0;
    this.#isRefused = false;
  }

  #add(data: Uint8Array): Refusal | undefined {
    const most = this.#desk.maxBodyBytes;
    if (this.#bytes + data.byteLength > most) return refused(413, `The batch is larger than ${most} bytes`);
    const cost = data.byteLength + PART_COST;
    if (!this.#desk.take(cost)) return refused(503, "Too many bodies are under way, send this one again in a moment");
    this.#held += cost;
    this.#bytes += data.byteLength;
    this.#parts.push(data);
    return undefined;
  }
}
