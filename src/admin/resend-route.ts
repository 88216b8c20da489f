/** Directories that an operator found to differ at the receiver (`fustor-agent verify --repair`). */
import { noPipe, refused, route } from "./route.ts";
import { begunSchema, directoriesBody, pipeParams } from "./schemas.ts";

/** 20,000 directories, as many as a pipe remembers, with paths of some length. */
const MOST_BYTES = 16 * 1024 * 1024;

export const RESEND = route({
  method: "post",
  path: "/pipes/{pipe}/resend",
  summary: "Has a pipe tell these directories and their children again; the receiver drops what else it holds there.",
  params: pipeParams,
  body: { schema: directoriesBody, mostBytes: MOST_BYTES },
  answer: { status: 202, schema: begunSchema },
  refusals: [404, 409],
  handle: ({ port, params: { pipe }, body }) => {
    const begun = port.resend(pipe, body as readonly string[]);
    if (begun === undefined) return noPipe(pipe);
    if (begun) return { status: 202, body: { begun } };
    return refused(409, "no_session", `${pipe}: it has no session at the moment`);
  },
});
