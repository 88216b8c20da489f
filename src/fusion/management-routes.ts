/** Routes for operators: which pipes there are and what they have done. Any key of the configuration is valid. */
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { KeyOwner, KeyRing } from "./api-keys.ts";
import { keyRequired } from "./consistency-routes.ts";
import type { FusionCore } from "./fusion-core.ts";
import type { FusionApp } from "./http-server.ts";
import type { PipeFacts } from "./topology.ts";

export function managementRoutes(core: FusionCore, keys: KeyRing): FusionApp {
  const app = new Hono<{ Bindings: HttpBindings; Variables: { owner: KeyOwner } }>();
  const key = keyRequired(keys);
  app.get("/pipes", key, (c) => {
    const pipes = [...core.pipes.entries()].map(([id, pipe]) => [id, pipeFacts(core, pipe)] as const);
    return c.json(Object.fromEntries(pipes));
  });
  app.get("/pipes/:id", key, (c) => {
    const pipe = core.pipes.get(c.req.param("id"));
    return pipe === undefined ? c.json({ detail: "Pipe not found" }, 404) : c.json(pipeFacts(core, pipe));
  });
  app.get("/stats", key, (c) => {
    const all = [...core.pipes.values()];
    const sum = (read: (pipe: PipeFacts) => number): number => all.reduce((total, pipe) => total + read(pipe), 0);
    return c.json({
      events_received: sum((pipe) => pipe.statistics.events),
      events_processed: sum((pipe) => pipe.statistics.events),
      rows_received: sum((pipe) => pipe.statistics.rows),
      active_sessions: sum((pipe) => core.sessionCountOf(pipe.config.id)),
    });
  });
  return app as unknown as FusionApp;
}

function pipeFacts(core: FusionCore, pipe: PipeFacts): object {
  const { config, views, statistics } = pipe;
  return {
    id: config.id,
    view_id: views[0]?.config.id ?? null,
    views: views.map((view) => view.config.id),
    state: "RUNNING",
    active_sessions: core.sessionCountOf(config.id),
    statistics: {
      events_received: statistics.events,
      events_processed: statistics.events,
      rows_received: statistics.rows,
      batches: statistics.batches,
      sessions_created: statistics.sessionsOpened,
      sessions_closed: statistics.sessionsClosed,
    },
  };
}
