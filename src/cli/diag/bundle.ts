/** The files of a bundle: what the other commands say, made fit for others to read. */
import { release } from "node:os";
import type { AgentStatus } from "../../agent/agent-status.ts";
import { readOwnFile } from "../../agent/state/durable-file.ts";
import { homePaths, resolveHome } from "../../config/home.ts";
import { configDirOf, loadConfig } from "../../config/load.ts";
import type { AgentConfig } from "../../config/model.ts";
import { describeError } from "../../sdk/index.ts";
import { agentVersion } from "../../sdk/version.ts";
import { effectiveNow, formatEffective } from "../commands/config.ts";
import { findingsJson, findingsNow } from "../commands/doctor.ts";
import { formatStatus, statusOrNobody } from "../commands/status.ts";
import { openLogFile } from "../log-to-read.ts";
import { Redactor } from "./redaction.ts";
import type { PackedFile } from "./tar.ts";

const TAIL_BYTES = 1024 * 1024;

interface Places {
  readonly home: string;
  readonly configDir: string;
  readonly logFile: string;
  readonly config: AgentConfig | undefined;
}

async function places(): Promise<Places> {
  const home = resolveHome(process.env);
  const configDir = configDirOf();
  const config = await loadConfig().catch(() => undefined);
  return { home, configDir, logFile: homePaths(home, configDir, config?.logging.dir).logFile, config };
}

/** As it stands in the address, and what it means, if it is encoded at all. */
function passwordForms(written: string): readonly string[] {
  try {
    return [written, decodeURIComponent(written)];
  } catch {
    return [written];
  }
}

/** Every text of the configuration that is a secret; user names are not. */
function secretsOf({ sources, senders, console }: AgentConfig): readonly string[] {
  const ends = [...sources.values(), ...senders.values()];
  const credentials = ends.flatMap(({ credential }) =>
    credential === undefined ? [] : [credential.kind === "key" ? credential.key : credential.password],
  );
  const urls = ends
    .flatMap(({ uri, driverParams }) => [uri, driverParams.proxy])
    .filter((each) => typeof each === "string");
  const passwords = urls.flatMap((url) => (URL.canParse(url) ? passwordForms(new URL(url).password) : []));
  return [...credentials, ...passwords, console.token ?? ""].filter((each) => each !== "");
}

async function redactorOf({ home, configDir, logFile, config }: Places, names: boolean): Promise<Redactor> {
  const paths = homePaths(home, configDir);
  const token = await readOwnFile(paths.consoleToken).catch(() => "");
  const roots = config === undefined ? [] : [...config.sources.values()].map(({ uri }) => uri);
  const own = [...Object.values(paths), `${home}/.env`, logFile, config?.logging.dir ?? configDir, process.execPath];
  return new Redactor({
    secrets: [
      ...(config === undefined ? [] : secretsOf(config)),
      ...token.split("\n").map((line) => line.trim()),
    ].filter(Boolean),
    known: [...own, ...(config?.files ?? []), ...roots],
    roots,
    names,
  });
}

async function tailOf(path: string): Promise<readonly string[]> {
  const file = await openLogFile(path);
  try {
    const { size } = await file.stat();
    const from = Math.max(size - TAIL_BYTES, 0);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, TAIL_BYTES)), 0, null, from);
    const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
    // The first one is half a line, unless the file begins there.
    return lines.slice(from === 0 ? 0 : 1).filter((line) => line !== "");
  } finally {
    await file.close();
  }
}

const versions = (): string =>
  JSON.stringify(
    { agent: agentVersion, ...process.versions, kernel: release(), arch: process.arch, at: new Date().toISOString() },
    null,
    2,
  );

function statusTexts(status: AgentStatus | undefined, redactor: Redactor): readonly PackedFile[] {
  if (status === undefined) return [{ name: "status.txt", text: "STOPPED\n" }];
  const shown = redactor.value(status) as AgentStatus;
  return [
    { name: "status.json", text: `${JSON.stringify(shown, null, 2)}\n` },
    { name: "status.txt", text: `${formatStatus(shown)}\n` },
  ];
}

/** What one part cannot say must not keep the others back. */
async function part(
  name: string,
  make: () => Promise<readonly PackedFile[]>,
  redactor: Redactor,
): Promise<readonly PackedFile[]> {
  try {
    return await make();
  } catch (error) {
    return [{ name: `${name}.error.txt`, text: `${redactor.text(describeError(error))}\n` }];
  }
}

export async function bundle(names: boolean): Promise<readonly PackedFile[]> {
  const found = await places();
  const redactor = await redactorOf(found, names);
  const json = (text: string): string => `${JSON.stringify(redactor.value(JSON.parse(text)), null, 2)}\n`;
  const parts = await Promise.all([
    part("versions", async () => [{ name: "versions.json", text: `${versions()}\n` }], redactor),
    part("doctor", async () => [{ name: "doctor.json", text: json(findingsJson(await findingsNow())) }], redactor),
    part("status", async () => statusTexts(await statusOrNobody(found.home), redactor), redactor),
    part("config", async () => [{ name: "config.yaml", text: configText(await loadConfig(), redactor) }], redactor),
    part("log", async () => [{ name: "log.jsonl", text: logText(await tailOf(found.logFile), redactor) }], redactor),
  ]);
  return parts.flat();
}

const logText = (lines: readonly string[], redactor: Redactor): string =>
  lines.map((line) => `${redactor.logLine(line)}\n`).join("");

function configText(config: AgentConfig, redactor: Redactor): string {
  const shown = redactor.value(effectiveNow(config)) as ReturnType<typeof effectiveNow>;
  return `${formatEffective(shown).join("\n")}\n`;
}
