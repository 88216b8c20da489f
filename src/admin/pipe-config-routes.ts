/** Pipes that are added, changed and removed while the agent runs: what `fustor-agent pipe` asks for. */
import { z } from "zod";
import { describeError, isFustorError, type PipeConfigChange, type PipeEntry } from "../sdk/index.ts";
import { type Answer, done, type Route, refused, route } from "./route.ts";
import { appliedPipes, pipeParams } from "./schemas.ts";

const MOST_BYTES = 256 * 1024;
const entryBody = { schema: z.record(z.string(), z.unknown()), mostBytes: MOST_BYTES };

const listedSchema = z.array(
  z.object({
    id: z.string(),
    source: z.string(),
    sender: z.string(),
    enabled: z.boolean(),
    file: z.string(),
    line: z.number(),
    changeable: z.boolean(),
  }),
);

const changeSchema = z.object({
  id: z.string(),
  file: z.string(),
  outcome: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("done"), pipes: appliedPipes, notes: z.array(z.string()) }),
    z.object({ kind: z.literal("refused"), code: z.string(), message: z.string() }),
    z.object({ kind: z.literal("written"), notes: z.array(z.string()) }),
  ]),
});

/** What is refused is so before anything is written: 422 with the code of docs/errors.md. */
async function answerOf(work: () => Promise<unknown>): Promise<Answer> {
  try {
    return done(await work());
  } catch (error) {
    return refused(422, isFustorError(error) ? error.code : "FUSTOR_INTERNAL", describeError(error));
  }
}

const common = {
  params: pipeParams,
  answer: { status: 200, schema: changeSchema },
  refusals: [422],
  isLong: true,
  isForOwner: true,
} as const;

const switchRoute = (name: "enable" | "disable" | "delete", summary: string): Route =>
  route({
    ...common,
    method: "post",
    path: `/config/pipes/{pipe}/${name}`,
    summary,
    handle: ({ port, params: { pipe } }) => answerOf((): Promise<PipeConfigChange> => port.pipeConfigs[name](pipe)),
  });

export const PIPE_CONFIGS: readonly Route[] = [
  route({
    method: "get",
    path: "/config/pipes",
    summary: "The pipes as the files have them now, and which of them can be changed here.",
    answer: { status: 200, schema: listedSchema },
    refusals: [422],
    handle: ({ port }) => answerOf(() => port.pipeConfigs.list()),
  }),
  route({
    ...common,
    method: "post",
    path: "/config/pipes/{pipe}/add",
    summary: "Adds a pipe. The body is its entry, as a configuration file has it.",
    body: entryBody,
    handle: ({ port, params: { pipe }, body }) => answerOf(() => port.pipeConfigs.add(pipe, body as PipeEntry)),
  }),
  route({
    ...common,
    method: "post",
    path: "/config/pipes/{pipe}/update",
    summary: "Changes a pipe that was added so. The body is merged into its entry (RFC 7396).",
    body: entryBody,
    handle: ({ port, params: { pipe }, body }) => answerOf(() => port.pipeConfigs.update(pipe, body as PipeEntry)),
  }),
  switchRoute("enable", "Switches a pipe on that was added so, and starts it."),
  switchRoute("disable", "Stops a pipe that was added so, and keeps it from starting again."),
  switchRoute("delete", "Removes a pipe that was added so, with its own source and sender."),
];
