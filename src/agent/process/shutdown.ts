/**
 * Signals into one wish to stop.
 *
 * A terminal sends Ctrl-C to the whole group and npm passes it on once more, so the same wish may arrive twice within a
 * moment: everything within `coalesceMs` of the first signal is that first signal. A later one means "now".
 */
export interface ShutdownOptions {
  /** Called once, with the first signal. */
  onStop(signal: NodeJS.Signals): void;
  /** Called with a second signal that came after the coalescing time. */
  onForce(signal: NodeJS.Signals): void;
  readonly coalesceMs?: number;
  readonly now?: () => number;
}

export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

const STOP_SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];

/** Listens until the returned function is called. */
export function listenForShutdown(options: ShutdownOptions, source: SignalSource = process): () => void {
  const now = options.now ?? (() => performance.now());
  const coalesceMs = options.coalesceMs ?? 500;
  let firstAt: number | undefined;
  const listener = (signal: NodeJS.Signals): void => {
    if (firstAt === undefined) {
      firstAt = now();
      options.onStop(signal);
    } else if (now() - firstAt > coalesceMs) {
      options.onForce(signal);
    }
  };
  for (const signal of STOP_SIGNALS) source.on(signal, listener);
  return () => {
    for (const signal of STOP_SIGNALS) source.off(signal, listener);
  };
}

/**
 * An AbortSignal that fires with the first SIGTERM or SIGINT; the second ends the process at once with the shell's code
 * for it.
 */
export function shutdownSignal(): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const dispose = listenForShutdown({
    onStop: (name) => controller.abort(name),
    onForce: (name) => process.exit(name === "SIGINT" ? 130 : 143),
  });
  return { signal: controller.signal, dispose };
}
