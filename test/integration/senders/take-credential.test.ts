/** A sender shows another key in the session that is open: only one that the receiver takes for the same owner's. */
import { expect, onTestFinished, test } from "vitest";
import { startEmbeddedFusion } from "../../../src/fusion/embedded-fusion.ts";
import { parseFusionConfig } from "../../../src/fusion/fusion-config.ts";
import { withKey, withRevoked } from "../../../src/fusion/keys/key-changes.ts";
import type { KeyRecord } from "../../../src/fusion/keys/key-record.ts";
import { KeyRegistry } from "../../../src/fusion/keys/key-registry.ts";
import { makeKey } from "../../../src/fusion/keys/key-text.ts";
import { silentLogger } from "../../../src/sdk/observer.ts";
import { FusionSender } from "../../../src/senders/fusion/fusion-sender.ts";

const CONFIG = `
port: 0
receivers: {r: {port: 0}}
views: {v: {}, w: {}}
pipes:
  p: {receiver: r, views: [v]}
  q: {receiver: r, views: [w]}
`;
const NOW = Date.now() / 1000;
const calm = () => ({ signal: new AbortController().signal });
const credentialOf = (key: string) => ({ kind: "key", key }) as const;

async function scene() {
  const registry = new KeyRegistry();
  const [first, second, ofOther] = [makeKey(() => false), makeKey(() => false), makeKey(() => false)];
  const keyFor = (keys: readonly KeyRecord[], target: string, made: typeof first): readonly KeyRecord[] =>
    withKey(keys, { scope: "push", target, name: null, expires: null }, made, NOW);
  const keys = keyFor(keyFor(keyFor([], "p", first), "p", second), "q", ofOther);
  registry.replace(keys);
  const config = parseFusionConfig([{ file: "f.yaml", text: CONFIG }]);
  const fusion = await startEmbeddedFusion({ config, logger: silentLogger, registry });
  onTestFinished(() => fusion.stop());
  const options = { uri: fusion.receiverUrls.get("r") ?? "", key: first.text, timeoutMs: 10_000 };
  const sender = new FusionSender({ id: "s", logger: silentLogger }, options);
  onTestFinished(() => sender.close());
  const task = { taskId: "a:p", sourceType: "fs", sourceUri: "/d" };
  const { sessionId } = await sender.createSession(task, calm());
  const revoke = (id: string): void => registry.replace(withRevoked(keys, id, NOW));
  const beats = () => sender.heartbeat(sessionId, { canRealtime: true }, calm());
  return { sender, first, second, ofOther, revoke, beats };
}

test("the session goes on with a key of the same pipe, when the former one has ended", async () => {
  const { sender, first, second, revoke, beats } = await scene();
  expect(await sender.takeCredential(credentialOf(second.text), calm())).toBe(true);
  revoke(first.id);
  expect((await beats()).role).toBe("leader");
});

test.each(["of another pipe", "unknown", "missing"])(
  "a key that is %s is not taken, and the former one goes on",
  async (which) => {
    const { sender, ofOther, beats } = await scene();
    const other = which === "of another pipe" ? ofOther.text : "fk_wrong";
    const given = which === "missing" ? undefined : credentialOf(other);
    expect(await sender.takeCredential(given, calm())).toBe(false);
    expect((await beats()).role).toBe("leader");
  },
);

test("no key is taken when the former one has ended", async () => {
  const { sender, first, second, revoke, beats } = await scene();
  revoke(first.id);
  await expect(sender.takeCredential(credentialOf(second.text), calm())).rejects.toMatchObject({
    code: "FUSTOR_SENDER_KEY_REFUSED",
  });
  await expect(beats()).rejects.toMatchObject({ code: "FUSTOR_SENDER_KEY_REFUSED" });
});
