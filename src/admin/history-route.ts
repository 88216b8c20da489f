/** One hour of what the pipes did. */
import { EVERY_MS } from "./history.ts";
import { done, refused, route } from "./route.ts";
import { historyQuery, historySchema } from "./schemas.ts";

export const HISTORY = route({
  method: "get",
  path: "/history",
  summary: "One hour of rates, backlogs and lags, of all pipes together or of one. Kept in memory.",
  query: historyQuery,
  answer: { status: 200, schema: historySchema },
  refusals: [404],
  handle: ({ port: { history }, query: { pipe } }) => {
    const series = pipe === undefined ? history.agent() : history.pipe(pipe);
    if (series !== undefined) return done({ everyMs: EVERY_MS, ...series });
    return refused(404, "pipe_unknown", `the agent runs no pipe ${JSON.stringify(pipe)}`);
  },
});
