/** `pipe add`, `update`, `enable`, `disable`, `delete` and `list`: in the running agent, or in the files for its start. */
import { remotePipeConfigs } from "../../agent/control/pipe-config-client.ts";
import { createPipeConfigService } from "../../agent/pipe-configs/create-service.ts";
import { hasFailed, reloadLine } from "../../agent/reload/reload-report.ts";
import { resolveHome } from "../../config/home.ts";
import { isFustorError, type PipeConfigChange, type PipeConfigService } from "../../sdk/index.ts";
import { EXIT, exitCodeOfRefusal } from "../exit-codes.ts";
import { type PipeOptions, pipeEntryOf } from "../pipe-entry.ts";
import { formatTable, printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

export const addPipe = (id: string, options: PipeOptions, terminal: Terminal): Promise<number> =>
  change((service) => service.add(id, pipeEntryOf(options)), terminal);

export const updatePipe = (id: string, options: PipeOptions, terminal: Terminal): Promise<number> =>
  change((service) => service.update(id, pipeEntryOf(options)), terminal);

export const switchPipe = (id: string, command: "enable" | "disable" | "delete", terminal: Terminal): Promise<number> =>
  change((service) => service[command](id), terminal);

export async function listPipeConfigs(isJson: boolean, terminal: Terminal): Promise<number> {
  const pipes = await withService((service) => service.list());
  if (isJson) {
    await terminal.line(JSON.stringify(pipes));
    return EXIT.done;
  }
  const rows = pipes.map(({ id, enabled, source, sender, file, line, changeable }) => {
    const where = changeable ? "fustor-agent pipe" : `${file}:${line}`;
    return [id, enabled ? "yes" : "no", source, sender, where].map(printable);
  });
  await terminal.line(formatTable(["PIPE ID", "ENABLED", "SOURCE", "SENDER", "CHANGED BY"], rows));
  return EXIT.done;
}

async function change(work: (service: PipeConfigService) => Promise<PipeConfigChange>, terminal: Terminal) {
  return tell(await withService(work), terminal);
}

/** That of the running agent; without one, the files. */
async function withService<T>(work: (service: PipeConfigService) => Promise<T>): Promise<T> {
  try {
    return await work(remotePipeConfigs(resolveHome(process.env)));
  } catch (error) {
    if (!isFustorError(error, "FUSTOR_AGENT_STOPPED")) throw error;
    return work(createPipeConfigService());
  }
}

async function tell({ id, file, outcome }: PipeConfigChange, terminal: Terminal): Promise<number> {
  if (outcome.kind === "refused") {
    for (const line of outcome.message.split("\n")) await terminal.complain(printable(line));
    await terminal.complain(`${printable(file)} is changed; the agent goes on as before until the next reload.`);
    return exitCodeOfRefusal(outcome.code);
  }
  for (const note of outcome.notes) await terminal.complain(printable(note));
  if (outcome.kind === "written") {
    await terminal.line(printable(`${file} is changed. No agent runs: it takes effect with the next start.`));
    return EXIT.done;
  }
  const concerned = outcome.pipes.filter(({ pipe, action }) => pipe === id || action !== "unchanged");
  for (const pipe of concerned) await terminal.line(printable(reloadLine(pipe)));
  if (concerned.length === 0) await terminal.line(printable(`${file} is changed; nothing that runs is concerned.`));
  return hasFailed({ ...outcome, pipes: concerned }) ? EXIT.failure : EXIT.done;
}
