/**
 * A few file descriptors in reserve. When the process has none left they are given back, so that `status` and `stop`
 * still get an answer on the control socket, and both log and status say what is missing. They are taken again once
 * there has been room for more than them for a while.
 */
import { closeSync, openSync } from "node:fs";
import type { Logger } from "../../sdk/index.ts";
import type { DescriptorState } from "../agent-status.ts";
import { descriptorLimit } from "../descriptor-limit.ts";

const SPARES = 8;
/** A client of the control socket asks again for longer than this. */
const LOOK_MS = 1000;
/** So many looks in a row find room before all is well again. */
const GOOD_LOOKS = 10;
const NONE_LEFT = new Set(["EMFILE", "ENFILE"]);

export interface SpareDescriptors {
  state(): DescriptorState;
  close(): void;
}

/** As many more descriptors as there are; fewer than asked for when there are no more. */
function take(count: number): number[] {
  const taken: number[] = [];
  try {
    while (taken.length < count) taken.push(openSync("/dev/null", "r"));
  } catch (error) {
    if (!NONE_LEFT.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  return taken;
}

/** `onExhausted` is there to let go of what can be done without. */
export function holdSpareDescriptors(logger: Logger, onExhausted: () => void): SpareDescriptors {
  let limit = descriptorLimit();
  let spares = take(SPARES);
  let exhausted = false;
  let goodLooks = 0;
  const giveBack = (): void => {
    for (const spare of spares.splice(0)) closeSync(spare);
  };
  const fail = (): void => {
    goodLooks = 0;
    if (exhausted) return;
    exhausted = true;
    giveBack();
    onExhausted();
    limit = descriptorLimit();
    logger.error({ limit }, "no file descriptor is left: raise ulimit -n, LimitNOFILE= of a unit");
  };
  const look = (): void => {
    const wanted = exhausted ? SPARES + 1 : 1;
    const taken = take(wanted);
    const isWell = taken.length === wanted;
    const isOver = exhausted && isWell && ++goodLooks >= GOOD_LOOKS;
    if (isOver) spares = taken.splice(0, SPARES);
    for (const each of taken) closeSync(each);
    if (!isWell) fail();
    if (!isOver) return;
    exhausted = false;
    goodLooks = 0;
    logger.info({}, "there are file descriptors again");
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    state: () => ({ exhausted, limit }),
    close: () => {
      clearInterval(timer);
      giveBack();
    },
  };
}
