/** The file of the keys beside a Fusion that serves them: what is not usable for a while, and who may write its folder. */
import { chmodSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { writeDurably } from "../../../src/agent/state/durable-file.ts";
import { changeKeys, keyPaths, readKeys } from "../../../src/cli/fusion/key-file.ts";
import { type ServedKeys, serveKeys } from "../../../src/cli/fusion/served-keys.ts";
import { withKey, withRevoked } from "../../../src/fusion/keys/key-changes.ts";
import { textOfKeys } from "../../../src/fusion/keys/key-record.ts";
import { makeKey } from "../../../src/fusion/keys/key-text.ts";
import { createRecordingLogger } from "../../support/recording-logger.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

let served: ServedKeys | undefined;
afterEach(async () => {
  await served?.end();
  served = undefined;
  removeTempFolders();
});

const NOW = Math.floor(Date.now() / 1000);
const READ = { scope: "read", target: "v", name: null, expires: null } as const;

async function homeWithKey() {
  const home = createTempFolder("keys-home");
  const made = makeKey(() => false);
  await changeKeys(home, (keys) => withKey(keys, READ, made, NOW));
  return { home, made, paths: keyPaths(home) };
}

test("keys in a folder that others may write are not read: they could put an earlier file back", async () => {
  const { home, paths } = await homeWithKey();
  chmodSync(paths.folder, 0o777);
  const said = new RegExp(`^${paths.folder} can be written by every user .*chmod go-w ${paths.folder}`);
  await expect(readKeys(home)).rejects.toThrow(said);
  await expect(serveKeys(home, createRecordingLogger())).rejects.toThrow(said);
});

test("a change that could not be read counts as soon as it can, and the trouble is told once", async () => {
  const { home, made, paths } = await homeWithKey();
  const logger = createRecordingLogger();
  served = await serveKeys(home, logger);
  const { registry } = served;
  const revoked = withRevoked(await readKeys(home), made.id, NOW);
  chmodSync(paths.folder, 0o777);
  await writeDurably(paths.keys, textOfKeys(revoked));
  const isTold = (): boolean => logger.messages().some((message) => message.includes("keys stay as they were"));
  await waitFor(isTold, { timeoutMs: 10_000, what: "a line in the log" });
  for (let times = 0; times < 3; times++) expect(await served.reread()).toContain("can be written by every user");
  expect(registry.find(made.text)?.id).toBe(made.id);
  // The file itself stays as it is.
  chmodSync(paths.folder, 0o700);
  const isRefused = (): boolean => registry.find(made.text) === undefined;
  await waitFor(isRefused, { timeoutMs: 10_000, what: "the key is refused" });
  expect(logger.messages().filter((message) => message.includes("keys stay as they were"))).toHaveLength(1);
});
