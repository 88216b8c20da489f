/** Settles as the promise does; after the time it rejects with what `late` makes. */
export async function settlesWithin<T>(promise: Promise<T> | T, boundMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), boundMs);
  });
  try {
    return await Promise.race([promise, bound]);
  } finally {
    clearTimeout(timer);
  }
}
