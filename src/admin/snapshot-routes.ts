/** Snapshots that an operator begins, pauses, has go on or cancels. */
import { done, noPipe, type Route, refused, route } from "./route.ts";
import { begunSchema, doneSchema, pipeParams, snapshotParams } from "./schemas.ts";

export const SNAPSHOTS: readonly Route[] = [
  route({
    method: "post",
    path: "/pipes/{pipe}/snapshot",
    summary: "Has a leader send the whole tree anew.",
    params: pipeParams,
    answer: { status: 202, schema: begunSchema },
    refusals: [404, 409],
    handle: ({ port, params: { pipe } }) => {
      const outcome = port.snapshotNow(pipe);
      if (outcome === undefined) return noPipe(pipe);
      if (outcome === "begun") return { status: 202, body: { begun: true } };
      const why =
        outcome === "runs already" ? "a snapshot of it runs already, or is paused" : "it does not lead at the moment";
      return refused(409, outcome === "runs already" ? "runs_already" : "no_leader", `${pipe}: ${why}`);
    },
  }),
  route({
    method: "post",
    path: "/pipes/{pipe}/snapshot/{command}",
    summary: "Pauses the snapshot that runs, has it go on, or cancels it: then it gets no end.",
    params: snapshotParams,
    answer: { status: 200, schema: doneSchema },
    refusals: [404, 409],
    handle: ({ port, params: { pipe, command } }) => {
      const wasDone = port.commandSnapshot(pipe, command);
      if (wasDone === undefined) return noPipe(pipe);
      if (wasDone) return done({ done: true });
      return refused(409, "no_snapshot", `${pipe}: no snapshot ${command === "resume" ? "is paused" : "runs"}`);
    },
  }),
];
