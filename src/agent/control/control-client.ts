/** What the commands use to talk to a running agent of the same home. */
import { setTimeout as pause } from "node:timers/promises";
import { fileTrouble } from "../../config/file-trouble.ts";
import { describeError, FustorError, omitUndefined, type SweepCommand } from "../../sdk/index.ts";
import type { SnapshotCommand } from "../agent-observer.ts";
import type { AgentStatus } from "../agent-status.ts";
import type { ReloadOutcome, StartOutcome } from "../reload/reload-report.ts";
import { findAddress } from "./control-address.ts";
import { type ControlRequest, connect, NOBODY, stopped, textOf } from "./control-connection.ts";

export interface ControlAnswer {
  readonly code: number;
  readonly body: unknown;
}

/** More than any answer of the API: one beyond it comes from no agent of ours. */
export const MOST_ANSWER_BYTES = 64 * 1024 * 1024;

async function call(ask: ControlRequest): Promise<ControlAnswer> {
  const response = await connect(ask);
  return { code: response.statusCode ?? 0, body: JSON.parse(await textOf(response, MOST_ANSWER_BYTES)) };
}

/** An agent without a free file descriptor closes what it cannot take; a second later it has one in reserve. */
const RETRY_FOR_MS = 4000;
const RETRY_PAUSE_MS = 200;
const TURNED_AWAY = new Set(["ECONNRESET", "EPIPE", "EAGAIN"]);

async function callUntilTaken(ask: ControlRequest): Promise<ControlAnswer> {
  const giveUpAt = performance.now() + RETRY_FOR_MS;
  for (;;) {
    try {
      return await call(ask);
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
async function ask(
  home: string,
  method: string,
  path: string,
  timeoutMs: number,
  body?: string,
): Promise<ControlAnswer> {
  const socketPath = await findAddress(home);
  if (socketPath === undefined) throw stopped(home);
  try {
    return await callUntilTaken(omitUndefined({ socketPath, method, path, timeoutMs, body }));
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (NOBODY.has(code)) throw stopped(home);
    if (code === "EACCES" || code === "EPERM") throw fileTrouble(error, socketPath, "opened");
    throw new FustorError("FUSTOR_INTERNAL", `the agent does not answer: ${describeError(error)}`);
  }
}

const isGood = ({ code }: ControlAnswer): boolean => code >= 200 && code < 300;

/** What an answer says that is an error. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Undefined when the answer is none of this API: an agent of another version, or no agent at all. */
function refusalOf({ code: status, body }: ControlAnswer): Refusal | undefined {
  const { error } = (body ?? {}) as { readonly error?: { readonly code?: unknown; readonly message?: unknown } };
  if (typeof error?.code !== "string" || typeof error.message !== "string") return undefined;
  return { status, code: error.code, message: error.message };
}

const OTHER_VERSION = "it does not know this request, so it may be of another version: fustor-agent restart";

function unexpected(answer: ControlAnswer): FustorError {
  const refusal = refusalOf(answer);
  const isUnknown = refusal === undefined || refusal.code === "route_unknown";
  return new FustorError(
    "FUSTOR_INTERNAL",
    `the agent answered ${answer.code}: ${isUnknown ? OTHER_VERSION : refusal.message}`,
  );
}

/** The body of a good answer; throws for any other one. */
export async function get<T>(home: string, path: string, timeoutMs: number): Promise<T> {
  const answer = await ask(home, "GET", path, timeoutMs);
  if (isGood(answer)) return answer.body as T;
  throw unexpected(answer);
}

/** Asks for something that may be refused in order: with one of these statuses. */
export async function post<T>(
  home: string,
  path: string,
  expected: readonly number[],
  timeoutMs: number,
  body?: string,
): Promise<{ readonly body: T } | Refusal> {
  const answer = await ask(home, "POST", path, timeoutMs, body);
  if (isGood(answer)) return { body: answer.body as T };
  const refusal = refusalOf(answer);
  if (refusal !== undefined && refusal.code !== "route_unknown" && expected.includes(answer.code)) return refusal;
  throw unexpected(answer);
}

export const pipePath = (pipe: string): string => `/pipes/${encodeURIComponent(pipe)}`;

export const fetchStatus = (home: string, timeoutMs = 5000): Promise<AgentStatus> =>
  get<AgentStatus>(home, "/state", timeoutMs);

export async function requestStop(home: string, timeoutMs = 5000): Promise<void> {
  await post(home, "/stop", [], timeoutMs);
}

/** Pipes that go may send what is queued, and sources that come are looked through first: minutes are possible. */
export const CHANGE_MS = 600_000;

/** Resolves when the reload is over. */
export async function requestReload(home: string, timeoutMs = CHANGE_MS): Promise<ReloadOutcome> {
  const answer = await post<ReloadOutcome>(home, "/reload", [422], timeoutMs);
  return "body" in answer ? answer.body : { kind: "refused", code: answer.code, message: answer.message };
}

/** Resolves when the pipes of that name run or failed. */
export async function requestPipeStart(home: string, name: string, timeoutMs = CHANGE_MS): Promise<StartOutcome> {
  const answer = await post<StartOutcome>(home, `${pipePath(name)}/start`, [422], timeoutMs);
  return "body" in answer ? answer.body : { kind: "refused", code: answer.code, message: answer.message };
}

/** Resolves when the pipe has ended; false when the agent has none of that name. */
export async function requestPipeStop(home: string, pipe: string, timeoutMs = CHANGE_MS): Promise<boolean> {
  return "body" in (await post(home, `${pipePath(pipe)}/stop`, [404], timeoutMs));
}

/** Resolves when the pipe runs again or failed; undefined when the agent has none of that name. */
export async function requestPipeRestart(
  home: string,
  pipe: string,
  timeoutMs = CHANGE_MS,
): Promise<StartOutcome | undefined> {
  const answer = await post<StartOutcome>(home, `${pipePath(pipe)}/restart`, [404, 422], timeoutMs);
  if ("body" in answer) return answer.body;
  return answer.status === 404 ? undefined : { kind: "refused", code: answer.code, message: answer.message };
}

/** Undefined when the snapshot has begun, else why not. */
export async function requestSnapshot(home: string, pipe: string, timeoutMs = 5000): Promise<Refusal | undefined> {
  const answer = await post(home, `${pipePath(pipe)}/snapshot`, [404, 409], timeoutMs);
  return "body" in answer ? undefined : answer;
}

/** Undefined when it was done, else why not. */
export async function requestSnapshotCommand(
  home: string,
  pipe: string,
  command: SnapshotCommand,
  timeoutMs = 5000,
): Promise<Refusal | undefined> {
  const answer = await post(home, `${pipePath(pipe)}/snapshot/${command}`, [404, 409], timeoutMs);
  return "body" in answer ? undefined : answer;
}

export interface Confirmation {
  /** A source of that id is open. */
  readonly known: boolean;
  readonly confirmed: boolean;
}

export async function requestConfirm(home: string, source: string, timeoutMs = 5000): Promise<Confirmation> {
  const path = `/sources/${encodeURIComponent(source)}/confirm`;
  const answer = await post<{ readonly confirmed: boolean }>(home, path, [404], timeoutMs);
  return "body" in answer ? { known: true, confirmed: answer.body.confirmed } : { known: false, confirmed: false };
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
  const answer = await post(home, `${pipePath(pipe)}/audit/${command.kind}${mode}`, [404, 409], timeoutMs);
  return "body" in answer ? { known: true, done: true } : { known: answer.status !== 404, done: false };
}

export interface ResendAnswer {
  /** A pipe of that name runs. */
  readonly known: boolean;
  /** False when it has no session. */
  readonly done: boolean;
}

/** Has a pipe tell directories again, and its receiver drop what else it holds there; that goes on afterwards. */
export async function requestResend(
  home: string,
  pipe: string,
  directories: readonly string[],
  timeoutMs = 30_000,
): Promise<ResendAnswer> {
  const answer = await post(home, `${pipePath(pipe)}/resend`, [404, 409], timeoutMs, JSON.stringify(directories));
  return "body" in answer ? { known: true, done: true } : { known: answer.status !== 404, done: false };
}
