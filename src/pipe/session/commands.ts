/** What the receiver asks for with its heartbeats, and what becomes of it: one table for all commands. */
import { type Command, excerpt, type Logger } from "../../sdk/index.ts";
import type { ScanJob } from "../bulk/scans.ts";

interface Targets {
  readonly scans: Pick<ScanJob, "add">;
  readonly logger: Logger;
}

type Handler = (commands: readonly Command[], targets: Targets) => void;

const warning =
  (what: string): Handler =>
  (commands, { logger }) => {
    const types = [...new Set(commands.map(({ type }) => type))].sort();
    logger.warn({ count: commands.length, types: excerpt(types.slice(0, 20).join(", ")) }, `commands ${what}`);
  };

const scan: Handler = (commands, { scans }) => scans.add(commands);
/** Commands of later versions that would hand the machine to the owner of the receiver. */
const refuse = warning("are refused: this agent is not configured or upgraded from afar");
const unknown = warning("of Fusion are not known here");

const HANDLERS: ReadonlyMap<string, Handler> = new Map([
  ["scan", scan],
  ["reload_config", refuse],
  ["stop_pipe", refuse],
  ["update_config", refuse],
  ["report_config", refuse],
  ["upgrade", refuse],
]);

/** Those of one heartbeat. However many there are, each handler is called once: they cost a line in the log at most. */
export function carryOut(commands: readonly Command[], targets: Targets): void {
  const byHandler = new Map<Handler, Command[]>();
  for (const command of commands) {
    const handler = HANDLERS.get(command.type) ?? unknown;
    const group = byHandler.get(handler);
    if (group === undefined) byHandler.set(handler, [command]);
    else group.push(command);
  }
  for (const [handler, group] of byHandler) handler(group, targets);
}
