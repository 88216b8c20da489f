/** What the desk answers as messages, and messages as the bodies that the desk takes. Pure. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { DeskAnswer } from "fustor-agent/sdk";
import {
  AcknowledgementSchema,
  type Answer,
  DoneSchema,
  HeartbeatAnswerSchema,
  type OpenSession,
  PositionAnswerSchema,
  ProbeAnswerSchema,
  RefusalSchema,
  type SentinelFeedback,
  SentinelTaskSchema,
  SessionOpenedSchema,
} from "../gen/fustor/v1/receiver_pb.ts";

type Kind = Answer["kind"];
type Refusal = Kind & { readonly case: "refusal" };
type MaybeLater<T> = T | Promise<T>;
type Body = DeskAnswer["body"];

export const DONE: Kind = { case: "done", value: create(DoneSchema) };

export const refused = (status: number, detail: string): Refusal => ({
  case: "refusal",
  value: create(RefusalSchema, { status, detail }),
});

/** One entry of a report: where, and what. */
function lineOf(entry: unknown): string {
  const { loc, msg } = entry as { readonly loc?: unknown; readonly msg?: unknown };
  return Array.isArray(loc) ? `${loc.join(".")}: ${String(msg)}` : JSON.stringify(entry);
}

const detailOf = ({ detail }: Body): string =>
  Array.isArray(detail) ? detail.map(lineOf).join("; ") : String(detail ?? "");

const isPromise = <T>(value: MaybeLater<T>): value is Promise<T> => value instanceof Promise;

/** The message of an answer, or the refusal that it is. */
function translated(answer: MaybeLater<DeskAnswer>, kindOf: (body: Body) => Kind): MaybeLater<Kind> {
  if (isPromise(answer)) return answer.then((settled) => translated(settled, kindOf));
  const { status, body } = answer;
  return status < 300 ? kindOf(body) : refused(status, detailOf(body));
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const secondsOf = (value: unknown): { readonly is?: number } => (typeof value === "number" ? { is: value } : {});

export function opened({ status, body }: DeskAnswer): Kind {
  if (status >= 300) return refused(status, detailOf(body));
  const [audit, sentinel] = [secondsOf(body.audit_interval_sec), secondsOf(body.sentinel_interval_sec)];
  const members: MessageInitShape<typeof SessionOpenedSchema> = {
    sessionId: textOf(body.session_id),
    role: textOf(body.role),
    sessionTimeoutSeconds: secondsOf(body.session_timeout_seconds).is ?? 0,
    resumed: body.resumed === true,
    ...(audit.is === undefined ? {} : { auditIntervalSec: audit.is }),
    ...(sentinel.is === undefined ? {} : { sentinelIntervalSec: sentinel.is }),
  };
  return { case: "opened", value: create(SessionOpenedSchema, members) };
}

export const beaten = (answer: MaybeLater<DeskAnswer>): MaybeLater<Kind> =>
  translated(answer, ({ role, commands, snapshot_needed }) => ({
    case: "heartbeat",
    value: create(HeartbeatAnswerSchema, {
      role: textOf(role),
      snapshotNeeded: snapshot_needed === true,
      commands: (Array.isArray(commands) ? commands : []).map((command) => JSON.stringify(command)),
      clockMs: Date.now(),
    }),
  }));

export const acknowledged = (answer: MaybeLater<DeskAnswer>): MaybeLater<Kind> =>
  translated(answer, ({ snapshot_needed }) => ({
    case: "acknowledgement",
    value: create(AcknowledgementSchema, { snapshotNeeded: snapshot_needed === true }),
  }));

/** The session is known: a 404 says that there is no position. */
export function positioned(answer: MaybeLater<DeskAnswer>): MaybeLater<Kind> {
  if (isPromise(answer)) return answer.then(positioned);
  const { index } = answer.body;
  if (answer.status >= 300 && answer.status !== 404) return refused(answer.status, detailOf(answer.body));
  const members = Number.isSafeInteger(index) ? { index: BigInt(index as number) } : {};
  return { case: "position", value: create(PositionAnswerSchema, members) };
}

export const asked = (answer: MaybeLater<DeskAnswer>): MaybeLater<Kind> =>
  translated(answer, ({ type, paths }) => ({
    case: "sentinelTask",
    value: create(SentinelTaskSchema, {
      ...(typeof type === "string" ? { type } : {}),
      paths: Array.isArray(paths) ? paths.map(String) : [],
    }),
  }));

export const done = (answer: MaybeLater<DeskAnswer>): MaybeLater<Kind> => translated(answer, () => DONE);

export const probed = (pipe: string): Kind => ({
  case: "probe",
  value: create(ProbeAnswerSchema, { pipe, clockMs: Date.now() }),
});

export const sessionBody = (request: OpenSession): object => ({
  task_id: request.taskId,
  source_type: request.sourceType,
  client_info: { source_uri: request.sourceUri },
  session_timeout_seconds: request.sessionTimeoutSeconds,
  resumes: request.resumes,
});

export const feedbackBody = ({ updates }: SentinelFeedback): object => ({
  type: "suspect_update",
  updates: updates.map(({ path, mtime, size, status }) => ({ path, mtime, size: Number(size), status })),
});
