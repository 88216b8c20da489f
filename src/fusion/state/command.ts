/**
 * What changes a Fusion, as a value that can be written down and carried out again. Everything else in a Fusion follows
 * from the commands and the moments at which they came.
 */
import type { FusionCore } from "../fusion-core.ts";
import { checkIngestBody, type SessionBody } from "../ingest-validation.ts";
import { type Frame, UnusableState } from "./frames.ts";
import type { Moment } from "./held-clock.ts";

export type Command =
  | {
      readonly kind: "open";
      readonly pipe: string;
      readonly request: SessionBody;
      readonly clientIp: string | null;
      readonly sessionId: string;
    }
  | { readonly kind: "beat"; readonly session: string; readonly canRealtime?: boolean | undefined }
  | { readonly kind: "close"; readonly session: string }
  /** With the request as body: JSON that was checked. */
  | { readonly kind: "ingest"; readonly session: string }
  | { readonly kind: "audit-start" | "audit-end"; readonly pipe: string }
  | { readonly kind: "feedback"; readonly pipe: string; readonly updates: readonly unknown[] }
  | { readonly kind: "reset"; readonly view: string }
  /** Time ended a session or emptied a view; noted behind it. */
  | { readonly kind: "sweep" };

/** The head of a command's frame. */
export type Noted = Command & Moment;

/** Carries out a command that was read from a journal. */
export function carryOut(core: FusionCore, { head, body }: Frame): void {
  const command = head as unknown as Command;
  switch (command.kind) {
    case "open":
      core.openSession(command.pipe, command.request, command.clientIp, command.sessionId);
      return;
    case "beat":
      core.heartbeat(command.session, command.canRealtime);
      return;
    case "close":
      core.closeSession(command.session);
      return;
    case "ingest":
      ingestAgain(core, command.session, body);
      return;
    case "audit-start":
      core.startAudit(command.pipe);
      return;
    case "audit-end":
      core.finishAudit(command.pipe);
      return;
    case "feedback":
      core.correct(command.pipe, command.updates);
      return;
    case "reset":
      core.resetView(command.view);
      return;
    case "sweep":
      core.sweep();
      return;
    default:
      throw new UnusableState(`it holds an unknown command ${JSON.stringify(head.kind)}`);
  }
}

function ingestAgain(core: FusionCore, session: string, body: Buffer): void {
  const batch = checkIngestBody(JSON.parse(body.toString("utf8")));
  if (batch.ok) core.ingest(session, batch.value);
}
