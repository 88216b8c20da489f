/** Visits paths, and those that a visit names, a few at a time; the latest first, so that few wait. */
export async function walk(
  first: string,
  workers: number,
  visit: (path: string) => Promise<Iterable<string>>,
): Promise<void> {
  const waiting = [first];
  let sleepers: (() => void)[] = [];
  let busy = 0;
  let failed = false;
  const wakeAll = (): void => {
    const woken = sleepers;
    sleepers = [];
    for (const wake of woken) wake();
  };
  const work = async (): Promise<void> => {
    while (!failed) {
      const path = waiting.pop();
      if (path === undefined) {
        if (busy === 0) return;
        await new Promise<void>((resolve) => sleepers.push(resolve));
        continue;
      }
      busy++;
      try {
        for (const next of await visit(path)) waiting.push(next);
      } catch (error) {
        failed = true;
        throw error;
      } finally {
        busy--;
        wakeAll();
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, work));
  const failure = ends.find((end) => end.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}
