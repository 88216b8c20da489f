/** What signals ask of a running agent: to end, to reload, to open its log anew. */
import { isatty } from "node:tty";
import { endProcess } from "../agent/process/end-process.ts";
import { listenForShutdown } from "../agent/process/shutdown.ts";
import type { AgentLogger } from "../telemetry/logger.ts";
import { EXIT } from "./exit-codes.ts";

/** Resolves with why to stop: a signal or a caller of the control socket. */
export function stopWish(logger: AgentLogger): {
  readonly wish: Promise<string>;
  request(why: string): void;
  dispose(): void;
} {
  let request: (why: string) => void = () => undefined;
  const wish = new Promise<string>((resolve) => {
    request = resolve;
  });
  const dispose = listenForShutdown({
    onStop: (signal) => request(signal),
    onForce: (signal) => {
      logger.warn({ signal }, "ended at once by a second signal");
      endProcess(EXIT.failure);
    },
  });
  return { wish, request: (why) => request(why), dispose };
}

interface Wishes {
  readonly onClosed: () => void;
  readonly onReload: () => void;
  readonly onReopenLog: () => void;
}

/**
 * SIGHUP has the log opened anew and the configuration read again, unless it tells that the terminal we were started in
 * was closed. SIGUSR1 and SIGUSR2, which programs that rotate logs send out of habit, open the log alone. Until the
 * returned function is called.
 */
export function listenForWishes({ onClosed, onReload, onReopenLog }: Wishes): () => void {
  const terminals = [0, 1, 2].filter(isatty);
  const wasClosed = (): boolean => terminals.length > 0 && !terminals.some(isatty);
  const onHangUp = (): void => {
    if (wasClosed()) {
      onClosed();
      return;
    }
    onReopenLog();
    onReload();
  };
  const listeners = {
    SIGHUP: onHangUp,
    SIGUSR1: onReopenLog,
    SIGUSR2: onReopenLog,
  };
  const entries = Object.entries(listeners) as [NodeJS.Signals, () => void][];
  for (const [signal, listener] of entries) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of entries) process.off(signal, listener);
  };
}
