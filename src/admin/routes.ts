/** Every route of the admin API. */
import { describeError, isFustorError, omitUndefined, type SweepCommand } from "../sdk/index.ts";
import { configChanges } from "./config-changes.ts";
import { configView } from "./config-view.ts";
import { eventFeed } from "./event-feed.ts";
import { HISTORY } from "./history-route.ts";
import { logLinesFrom } from "./log-lines.ts";
import { PIPE_CONFIGS } from "./pipe-config-routes.ts";
import { RESEND } from "./resend-route.ts";
import { type Answer, done, noPipe, type Route, refused, route } from "./route.ts";
import * as schema from "./schemas.ts";
import { SNAPSHOTS } from "./snapshot-routes.ts";
import { tapFeed } from "./tap.ts";

const READING: readonly Route[] = [
  route({
    method: "get",
    path: "/state",
    summary: "The agent with its pipes and sources, as `fustor-agent status --json` prints it.",
    answer: { status: 200, schema: schema.stateSchema },
    handle: ({ port }) => done(port.status()),
  }),
  route({
    method: "get",
    path: "/pipes",
    summary: "The pipes.",
    answer: { status: 200, schema: schema.pipeSchema.array() },
    handle: ({ port }) => done(port.status().pipes),
  }),
  route({
    method: "get",
    path: "/pipes/{pipe}",
    summary: "One pipe.",
    params: schema.pipeParams,
    answer: { status: 200, schema: schema.pipeSchema },
    refusals: [404],
    handle: ({ port, params }) => {
      const pipe = port.status().pipes.find(({ id }) => id === params.pipe);
      return pipe === undefined ? noPipe(params.pipe) : done(pipe);
    },
  }),
  route({
    method: "get",
    path: "/sources",
    summary: "The sources that are open, with what watches them, the index and the sweep that runs.",
    answer: { status: 200, schema: schema.sourceSchema.array() },
    handle: ({ port }) => done(port.status().sources),
  }),
  route({
    method: "get",
    path: "/drivers",
    summary: "The drivers that come with the agent and those that are installed.",
    answer: { status: 200, schema: schema.driversSchema },
    handle: async ({ port }) => done(await port.drivers()),
  }),
  route({
    method: "get",
    path: "/config",
    summary: "The configuration that runs, defaults filled in, without secrets.",
    answer: { status: 200, schema: schema.configSchema },
    handle: ({ port }) => done(configView(port.config())),
  }),
  route({
    method: "get",
    path: "/reload",
    summary: "What a reload would do with the files as they are now. Changes nothing.",
    answer: { status: 200, schema: schema.previewSchema },
    refusals: [422],
    isLong: true,
    handle: async ({ port }) => {
      const { outcome, config } = await port.previewReload();
      const changes = config === undefined ? [] : configChanges(port.config(), config);
      return outcome.kind === "preview" ? done({ ...outcome, changes }) : outcomeAnswer(outcome);
    },
  }),
  route({
    method: "get",
    path: "/logs",
    summary: "The newest lines of the log that are still in memory, oldest first.",
    query: schema.logsQuery,
    answer: { status: 200, schema: schema.logsSchema },
    handle: ({ port: { journal }, query: { level, text, limit } }) => {
      const found = journal.newest(limit, logLinesFrom(level, text));
      return done({ lastId: journal.lastId, lines: found.map((line) => JSON.parse(line.text) as unknown) });
    },
  }),
  route({
    method: "get",
    path: "/events",
    summary: "What happens: states of pipes, reloads, actions, lines of the log. `Last-Event-ID` or `after` resumes.",
    query: schema.eventsQuery,
    events:
      "log, pipe, reload, action; gap when events after the given id are gone; dropped before a slow reader is cut off",
    handle: ({ port: { journal }, query, lastEventId }) => {
      const given = lastEventId !== undefined && /^\d{1,16}$/.test(lastEventId) ? Number(lastEventId) : query.after;
      const kinds = query.kinds ?? schema.EVENT_KINDS;
      return { stream: eventFeed(journal, { after: given, kinds, level: query.level }) };
    },
  }),
  route({
    method: "get",
    path: "/pipes/{pipe}/tap",
    summary: "The changes that a pipe takes off its bus, as it takes them.",
    params: schema.pipeParams,
    query: schema.tapQuery,
    events: "listening once; change; left-out with the count of what was too much to be shown",
    refusals: [404],
    handle: ({ port, params: { pipe }, query: { filter, kinds = [] } }) => {
      if (!port.status().pipes.some(({ id }) => id === pipe)) return noPipe(pipe);
      return { stream: tapFeed(port.taps, pipe, { filter, kinds }) };
    },
  }),
];

const CHANGING: readonly Route[] = [
  route({
    method: "post",
    path: "/stop",
    summary: "Stops the agent. The answer comes before the end.",
    answer: { status: 202, schema: schema.stopSchema },
    handle: ({ port }) => ({
      status: 202,
      body: { stopping: true, pid: process.pid },
      afterwards: () => port.requestStop(),
    }),
  }),
  route({
    method: "post",
    path: "/reload",
    summary: "Takes the changed configuration over. Answers when that is done.",
    answer: { status: 200, schema: schema.reloadSchema },
    refusals: [422],
    isLong: true,
    handle: async ({ port }) => outcomeAnswer(await port.reload()),
  }),
  route({
    method: "post",
    path: "/pipes/{pipe}/start",
    summary: "Starts a pipe of the configuration, or those of one of its files. Answers when they run or failed.",
    params: schema.pipeParams,
    answer: { status: 200, schema: schema.startedSchema },
    refusals: [422],
    isLong: true,
    handle: ({ port, params }) => startAnswer(() => port.startPipes(params.pipe)),
  }),
  route({
    method: "post",
    path: "/pipes/{pipe}/stop",
    summary: "Stops a pipe. Answers when it has ended; what is queued is sent first, for 6 s at most.",
    params: schema.pipeParams,
    answer: { status: 200, schema: schema.stoppedSchema },
    refusals: [404],
    isLong: true,
    handle: async ({ port, params: { pipe } }) =>
      (await port.stopPipe(pipe)) ? done({ stopped: true }) : noPipe(pipe),
  }),
  route({
    method: "post",
    path: "/pipes/{pipe}/restart",
    summary: "Stops a pipe and starts it as the configuration has it now. One that is refused stops nothing.",
    params: schema.pipeParams,
    answer: { status: 200, schema: schema.startedSchema },
    refusals: [404, 422],
    isLong: true,
    handle: async ({ port, params: { pipe } }) =>
      port.status().pipes.some(({ id }) => id === pipe) ? startAnswer(() => port.restartPipe(pipe)) : noPipe(pipe),
  }),
  route({
    method: "post",
    path: "/pipes/{pipe}/sentinel",
    summary: "Has a leader ask now which files are suspects, and look at them.",
    params: schema.pipeParams,
    answer: { status: 202, schema: schema.begunSchema },
    refusals: [404, 409],
    handle: ({ port, params: { pipe } }) => {
      const begun = port.sentinelNow(pipe);
      if (begun === undefined) return noPipe(pipe);
      if (begun) return { status: 202, body: { begun } };
      return refused(409, "no_sentinel", `${pipe}: it does not lead at the moment, or knows no suspects`);
    },
  }),
  route({
    method: "post",
    path: "/pipes/{pipe}/audit/{command}",
    summary: "Begins a sweep of the pipe's source, or pauses, resumes or cancels the one that runs.",
    params: schema.sweepParams,
    query: schema.sweepQuery,
    answer: { status: 200, schema: schema.doneSchema },
    refusals: [404, 409],
    handle: ({ port, params: { pipe, command: kind }, query: { mode } }) => {
      const command = omitUndefined({ kind, mode: kind === "start" ? mode : undefined }) as SweepCommand;
      const wasDone = port.sweepSource(pipe, command);
      if (wasDone === undefined) return noPipe(pipe);
      if (wasDone) return done({ done: true });
      const why = kind === "start" ? "a sweep runs already, or its root is not there" : "no sweep runs";
      return refused(409, kind === "start" ? "cannot_begin" : "no_sweep", `${pipe}: ${why}`);
    },
  }),
  route({
    method: "post",
    path: "/sources/{source}/confirm",
    summary: "What stands at the root of a source now is meant, and what it lacks is deleted.",
    params: schema.sourceParams,
    answer: { status: 200, schema: schema.confirmedSchema },
    refusals: [404],
    handle: ({ port, params: { source } }) => {
      const confirmed = port.confirmSource(source);
      if (confirmed !== undefined) return done({ confirmed });
      return refused(404, "source_unknown", `the agent has no open source ${JSON.stringify(source)}`);
    },
  }),
];

export const ROUTES: readonly Route[] = [...READING, HISTORY, ...CHANGING, ...SNAPSHOTS, RESEND, ...PIPE_CONFIGS];

type Outcome = { readonly kind: "refused"; readonly code: string; readonly message: string };

/** A configuration that is refused: 422 with the code of docs/errors.md. */
const outcomeAnswer = (outcome: Outcome | { readonly kind: "done" | "preview" }): Answer =>
  outcome.kind === "refused" ? refused(422, outcome.code, outcome.message) : done(outcome);

async function startAnswer(start: () => Promise<readonly unknown[]>): Promise<Answer> {
  try {
    return done({ kind: "done", pipes: await start() });
  } catch (error) {
    return refused(422, isFustorError(error) ? error.code : "FUSTOR_INTERNAL", describeError(error));
  }
}
