/** What the commands use to talk to a running agent of the same home. */
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { fileTrouble } from "../../config/file-trouble.ts";
import { describeError, FustorError, type SweepCommand } from "../../sdk/index.ts";
import type { AgentStatus } from "../agent-status.ts";
import type { ReloadOutcome, StartOutcome } from "../reload/reload-report.ts";
import { findAddress } from "./control-address.ts";

export interface ControlAnswer {
  readonly code: number;
  readonly body: unknown;
}

const NOBODY = new Set(["ENOENT", "ECONNREFUSED", "ENOTSOCK"]);

function call(socketPath: string, method: string, path: string, timeoutMs: number): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, timeout: timeoutMs, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        try {
          resolve({ code: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString("utf8")) });
        } catch (error) {
          reject(error);
        }
      });
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** An agent without a free file descriptor closes what it cannot take; a second later it has one in reserve. */
const RETRY_FOR_MS = 4000;
const RETRY_PAUSE_MS = 200;
const TURNED_AWAY = new Set(["ECONNRESET", "EPIPE", "EAGAIN"]);

async function callUntilTaken(
  socketPath: string,
  method: string,
  path: string,
  timeoutMs: number,
): Promise<ControlAnswer> {
  const giveUpAt = performance.now() + RETRY_FOR_MS;
  for (;;) {
    try {
      return await call(socketPath, method, path, timeoutMs);
    } catch (error) {
      const mayPass = TURNED_AWAY.has((error as NodeJS.ErrnoException).code ?? "");
      if (!mayPass || performance.now() > giveUpAt) throw error;
      await pause(RETRY_PAUSE_MS);
    }
  }
}

/**
 * Throws FUSTOR_AGENT_STOPPED when nobody listens, FUSTOR_HOME_UNUSABLE when this user may not ask, FUSTOR_INTERNAL
 * when somebody listens who does not answer properly.
 */
async function ask(home: string, method: string, path: string, expected: number, timeoutMs: number): Promise<unknown> {
  const socketPath = await findAddress(home);
  const stopped = new FustorError("FUSTOR_AGENT_STOPPED", `no agent is running on ${home}`);
  if (socketPath === undefined) throw stopped;
  let answer: ControlAnswer;
  try {
    answer = await callUntilTaken(socketPath, method, path, timeoutMs);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (NOBODY.has(code)) throw stopped;
    if (code === "EACCES" || code === "EPERM") throw fileTrouble(error, socketPath, "opened");
    throw new FustorError("FUSTOR_INTERNAL", `the agent does not answer: ${describeError(error)}`);
  }
  if (answer.code === expected) return answer.body;
  throw new FustorError("FUSTOR_INTERNAL", `the agent answered ${answer.code} to ${method} ${path}`);
}

export async function fetchStatus(home: string, timeoutMs = 5000): Promise<AgentStatus> {
  return (await ask(home, "GET", "/v1/status", 200, timeoutMs)) as AgentStatus;
}

export async function requestStop(home: string, timeoutMs = 5000): Promise<void> {
  await ask(home, "POST", "/v1/stop", 202, timeoutMs);
}

/** Pipes that go may send what is queued, and sources that come are looked through first: minutes are possible. */
const CHANGE_MS = 600_000;

/** Resolves when the reload is over. */
export async function requestReload(home: string, timeoutMs = CHANGE_MS): Promise<ReloadOutcome> {
  return (await ask(home, "POST", "/v1/reload", 200, timeoutMs)) as ReloadOutcome;
}

/** Resolves when the pipes of that name run or failed. */
export async function requestPipeStart(home: string, name: string, timeoutMs = CHANGE_MS): Promise<StartOutcome> {
  return (await ask(home, "POST", `/v1/pipes/${encodeURIComponent(name)}/start`, 200, timeoutMs)) as StartOutcome;
}

/** Resolves when the pipe has ended; false when the agent has none of that name. */
export async function requestPipeStop(home: string, pipe: string, timeoutMs = CHANGE_MS): Promise<boolean> {
  const path = `/v1/pipes/${encodeURIComponent(pipe)}/stop`;
  return ((await ask(home, "POST", path, 200, timeoutMs)) as { readonly stopped: boolean }).stopped;
}

export interface Confirmation {
  /** A source of that id is open. */
  readonly known: boolean;
  readonly confirmed: boolean;
}

export async function requestConfirm(home: string, source: string, timeoutMs = 5000): Promise<Confirmation> {
  const path = `/v1/sources/${encodeURIComponent(source)}/confirm`;
  return (await ask(home, "POST", path, 200, timeoutMs)) as Confirmation;
}

export interface SweepAnswer {
  /** A pipe of that name runs. */
  readonly known: boolean;
  /** False when a sweep runs already, or none does. */
  readonly done: boolean;
}

export async function requestSweep(
  home: string,
  pipe: string,
  command: SweepCommand,
  timeoutMs = 5000,
): Promise<SweepAnswer> {
  const mode = command.kind === "start" && command.mode !== undefined ? `?mode=${command.mode}` : "";
  const path = `/v1/pipes/${encodeURIComponent(pipe)}/audit/${command.kind}${mode}`;
  return (await ask(home, "POST", path, 200, timeoutMs)) as SweepAnswer;
}
