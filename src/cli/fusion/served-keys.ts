/**
 * The registry of keys in the Fusion that runs. A command that changed the file says so over the socket; beside that the
 * file is looked at every second, for changes that no command made. What cannot be read leaves the keys as they were, and
 * is tried again: the reason may lie outside of the file.
 */
import { KeyRegistry } from "../../fusion/keys/key-registry.ts";
import { describeError, type Logger } from "../../sdk/index.ts";
import { keyFileMark, readKeys, readUses, writeUses } from "./key-file.ts";

const LOOK_MS = 1000;
const USES_MS = 30_000;

export interface ServedKeys {
  readonly registry: KeyRegistry;
  /** Undefined when the keys are those of the file now, else why not. */
  reread(): Promise<string | undefined>;
  /** Writes down when each key was used last. */
  end(): Promise<void>;
}

/** Throws when the file is there and of no use. */
export async function serveKeys(home: string, logger: Logger): Promise<ServedKeys> {
  const registry = new KeyRegistry();
  registry.onRefused = (key, state) => logger.warn({ key_id: key, state }, `a key was refused because it is ${state}`);
  let mark: string | undefined = await keyFileMark(home);
  let failure: string | undefined;
  registry.replace(await readKeys(home));
  registry.remember(await readUses(home));
  let written = JSON.stringify([...registry.lastUses]);
  let turn: Promise<unknown> = Promise.resolve();

  const read = async (): Promise<string | undefined> => {
    mark = await keyFileMark(home);
    try {
      const keys = await readKeys(home);
      registry.replace(keys);
      failure = undefined;
      logger.info({ keys: keys.length }, "keys read again");
    } catch (error) {
      mark = undefined;
      const before = failure;
      failure = describeError(error);
      if (failure !== before) logger.error({ error: failure }, "keys stay as they were: their file cannot be used");
    }
    return failure;
  };
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work);
    turn = next.catch(() => undefined);
    return next;
  };
  const keepUses = async (): Promise<void> => {
    const now = JSON.stringify([...registry.lastUses]);
    if (now === written) return;
    written = now;
    await writeUses(home, registry.lastUses).catch((error: unknown) => {
      logger.warn({ error: describeError(error) }, "when keys were used last is not kept");
    });
  };
  // A home that does not answer has one look wait, not one a second.
  const every = (ms: number, work: () => Promise<unknown>): NodeJS.Timeout => {
    let isWaiting = false;
    return setInterval(() => {
      if (isWaiting) return;
      isWaiting = true;
      void inTurn(work).finally(() => {
        isWaiting = false;
      });
    }, ms);
  };
  const look = every(LOOK_MS, async () => {
    if ((await keyFileMark(home)) !== mark) await read();
  });
  const keep = every(USES_MS, keepUses);
  return {
    registry,
    reread: () => inTurn(read),
    end: async () => {
      clearInterval(look);
      clearInterval(keep);
      await inTurn(keepUses);
    },
  };
}
