/** Waiting for what needs no time, only turns of the event loop: the same on a machine that is busy. */
const MOST_TURNS = 2_000;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets everything go on that can until the condition holds. */
export async function soon(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > MOST_TURNS) throw new Error(`it does not come about: ${condition}`);
    await turn();
  }
}

/** Everything that could go on without time has gone on. */
export async function atRest(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn();
}

/** Settles as the promise does, and rejects when it does not settle by itself. */
export async function ended<T>(work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  work.then(over, over);
  await soon(() => isOver);
  return work;
}
