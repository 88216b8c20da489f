/** `fustor-agent fusion keys`: the keys of the embedded Fusion, made and ended while it runs. */
import { resolveHome } from "../../config/home.ts";
import { type FusionConfig, loadFusionConfig } from "../../fusion/fusion-config.ts";
import { keyOf, withKey, withRevoked, withRotated } from "../../fusion/keys/key-changes.ts";
import type { KeyRecord, KeyScope } from "../../fusion/keys/key-record.ts";
import { type MadeKey, makeKey } from "../../fusion/keys/key-text.ts";
import { timeText } from "../../fusion/keys/moment.ts";
import { nearest } from "../../sdk/did-you-mean.ts";
import { describeError, FustorError } from "../../sdk/index.ts";
import { EXIT } from "../exit-codes.ts";
import { askFusion } from "../fusion/fusion-socket.ts";
import { changeKeys, readKeys, readUses } from "../fusion/key-file.ts";
import { keyFacts, keyTable } from "../fusion/key-lines.ts";
import type { Terminal } from "../terminal.ts";

export interface CreateOptions {
  readonly push?: string;
  readonly read?: string;
  readonly name?: string;
  /** Seconds since 1970, as all times here. */
  readonly expires?: number;
  readonly json?: boolean;
}

export interface RotateOptions {
  readonly oldUntil: number;
  readonly expires?: number;
  readonly json?: boolean;
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export async function createKey(options: CreateOptions, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  const { scope, target } = scopeOf(options);
  requireTarget(loadFusionConfig(home), scope, target);
  const now = nowSeconds();
  const wanted = { scope, target, name: options.name ?? null, expires: future(options.expires, now) };
  const made = await changed(home, (keys, key) => withKey(keys, wanted, key, now));
  return handOver(home, made, options.json === true, terminal);
}

export async function rotateKey(id: string, options: RotateOptions, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  const now = nowSeconds();
  const times = { expires: future(options.expires, now), oldUntil: options.oldUntil, now };
  const made = await changed(home, (keys, key) => withRotated(keys, id, key, times));
  const old = keyOf(await readKeys(home), id);
  await terminal.complain(`The old key ${id} is valid until ${timeText(old.expires ?? times.oldUntil)}.`);
  return handOver(home, made, options.json === true, terminal);
}

export async function revokeKey(id: string, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  await changeKeys(home, (keys) => withRevoked(keys, id, nowSeconds()));
  await terminal.line(`The key ${id} is revoked.`);
  return honoured(home, "refuses it from now on", terminal);
}

export async function listKeys(options: { readonly json?: boolean }, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  const keys = await readKeys(home);
  const uses = new Map([...(await readUses(home)), ...(await liveUses(home))]);
  const now = nowSeconds();
  if (options.json === true) {
    await terminal.json(
      `${JSON.stringify(
        keys.map((key) => keyFacts(key, uses.get(key.id), now)),
        null,
        2,
      )}\n`,
    );
  } else if (keys.length === 0) {
    await terminal.line("No keys were made; those that stand in fusion-config are not listed.");
  } else {
    await terminal.line(keyTable(keys, uses, now));
  }
  return EXIT.done;
}

/** What the running Fusion has not written down yet. */
async function liveUses(home: string): Promise<ReadonlyMap<string, number>> {
  const uses = await askFusion<Record<string, number>>(home, "GET", "/keys/uses").catch(() => undefined);
  return new Map(Object.entries(uses ?? {}));
}

async function changed(
  home: string,
  change: (keys: readonly KeyRecord[], made: MadeKey) => readonly KeyRecord[],
): Promise<MadeKey> {
  let made: MadeKey | undefined;
  await changeKeys(home, (keys) => {
    made = makeKey((id) => keys.some((key) => key.id === id));
    return change(keys, made);
  });
  if (made === undefined) throw new Error("unreachable: the change ran");
  return made;
}

/** The only moment at which the key is shown: on standard output, with nothing beside it. */
async function handOver(home: string, { id, text }: MadeKey, asJson: boolean, terminal: Terminal): Promise<number> {
  const record = keyOf(await readKeys(home), id);
  const what = record.scope === "push" ? `push to pipe ${record.target}` : `read view ${record.target}`;
  if (asJson) {
    const facts = keyFacts(record, undefined, nowSeconds());
    await terminal.json(`${JSON.stringify({ key: text, ...facts }, null, 2)}\n`);
  } else {
    await terminal.line(text);
  }
  const until = record.expires === null ? "for ever" : `until ${timeText(record.expires)}`;
  await terminal.complain(`Key ${id} may ${what} ${until}. It is shown this once and kept nowhere.`);
  return honoured(home, "takes it from now on", terminal);
}

/** Says whether the Fusion that runs knows of the change. */
async function honoured(home: string, how: string, terminal: Terminal): Promise<number> {
  try {
    const answer = await askFusion<{ readonly problem: string | null }>(home, "POST", "/keys");
    if (answer !== undefined && answer.problem !== null) throw new Error(answer.problem);
    const nobody = `No Fusion of ${home} answers; one that runs ${how.replace(" from now on", "")} within a second.`;
    await terminal.complain(answer === undefined ? nobody : `The running Fusion ${how}.`);
    return EXIT.done;
  } catch (error) {
    await terminal.complain(`fustor-agent: the change is written, but not yet in force: ${describeError(error)}`);
    return EXIT.failure;
  }
}

function scopeOf({ push, read }: CreateOptions): { readonly scope: KeyScope; readonly target: string } {
  if (push !== undefined && read === undefined) return { scope: "push", target: push };
  if (read !== undefined && push === undefined) return { scope: "read", target: read };
  throw new FustorError("FUSTOR_CONFIG_INVALID", "say what the key is for: --push PIPE or --read VIEW, one of them");
}

function requireTarget(config: FusionConfig, scope: KeyScope, target: string): void {
  const [what, known] = scope === "push" ? (["pipe", config.pipes] as const) : (["view", config.views] as const);
  if (known.has(target)) return;
  const similar = nearest(target, [...known.keys()]);
  const hint = similar === undefined ? "" : `, did you mean ${similar}?`;
  const names = [...known.keys()].join(", ") || "none";
  throw new FustorError(
    "FUSTOR_CONFIG_INVALID",
    `fusion-config has no ${what} ${JSON.stringify(target)}${hint} (there is: ${names})`,
  );
}

function future(moment: number | undefined, now: number): number | null {
  if (moment === undefined) return null;
  if (moment > now) return moment;
  throw new FustorError("FUSTOR_CONFIG_INVALID", `--expires ${timeText(moment)} is over already; give a later time`);
}
