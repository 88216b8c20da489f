import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import type { Logger } from "../sdk/observer.ts";
import type { ReceiverModule } from "../sdk/receiver-driver.ts";
import { KeyRing } from "./api-keys.ts";
import { ByteBudget } from "./byte-budget.ts";
import { consistencyRoutes } from "./consistency-routes.ts";
import { Desk } from "./desk.ts";
import { type FusionClock, systemClock } from "./fusion-clock.ts";
import type { FusionConfig, ReceiverConfig } from "./fusion-config.ts";
import { FusionCore } from "./fusion-core.ts";
import { type FusionApp, type ListeningServer, type ListenOptions, listen } from "./http-server.ts";
import { managementRoutes } from "./management-routes.ts";
import { openReceiver } from "./open-receiver.ts";
import { receiverRoutes } from "./receiver-routes.ts";
import { ClientGone } from "./request-body.ts";
import { viewRoutes } from "./view-routes.ts";

export interface EmbeddedFusionOptions {
  readonly config: FusionConfig;
  readonly logger: Logger;
  /** The receiver drivers that the configuration names, beside http. */
  readonly receivers?: ReadonlyMap<string, ReceiverModule>;
  /** Try the next port when one is taken; otherwise that is an error. Default false. */
  readonly portFallback?: boolean;
  /** For tests. */
  readonly clock?: FusionClock;
  /** For tests: {@link ListenOptions.stalledMs}. */
  readonly stalledMs?: number;
}

/** Budget of all request bodies that are being read; at least two of the largest fit. */
const BODY_BUDGET_BYTES = 67_108_864;

export interface ViewSummary {
  readonly ready: boolean;
  /** Entries of the tree without the root. */
  readonly entries: number;
  readonly files: number;
  /** Without the root. */
  readonly directories: number;
  /** Rows received in this view's life. */
  readonly rows: number;
  readonly sessions: number;
}

/** A running Fusion. */
export interface EmbeddedFusion {
  /** Base of the view and management API, e.g. `http://127.0.0.1:8101`. */
  readonly viewUrl: string;
  /** Receiver id -> base URL, as an agent's sender takes it. */
  readonly receiverUrls: ReadonlyMap<string, string>;
  /** The leader has ended a snapshot, so the view may be read. False for an unknown view. */
  viewsReady(viewName: string): boolean;
  summaryOf(viewName: string): ViewSummary | undefined;
  /** Closes all ports and connections. Nothing is kept. */
  stop(): Promise<void>;
}

/**
 * Starts a Fusion in this process: one port for views and management, one per receiver. Everything lives in memory.
 *
 * @throws FustorError FUSTOR_CONFIG_INVALID naming the port that cannot be opened; nothing is left open then.
 */
export async function startEmbeddedFusion(options: EmbeddedFusionOptions): Promise<EmbeddedFusion> {
  const { config, logger } = options;
  const core = new FusionCore(config, options.clock ?? systemClock, logger, randomUUID);
  const servers: Pick<ListeningServer, "url" | "close">[] = [];
  const receiverUrls = new Map<string, string>();
  const common: Pick<ListenOptions, "portFallback" | "stalledMs"> = {
    portFallback: options.portFallback ?? false,
    ...(options.stalledMs === undefined ? {} : { stalledMs: options.stalledMs }),
  };
  const parts: Parts = { core, config, logger, keys: new KeyRing(config), budget: new ByteBudget(budgetOf(config)) };
  try {
    const views = viewApp(parts);
    servers.push(await listen(views, { ...common, host: config.host, port: config.port, what: "views" }));
    for (const receiver of config.receivers.values()) {
      const { host, port, driver } = receiver;
      const server =
        driver === "http"
          ? await listen(receiverApp(parts, receiver), { ...common, host, port, what: `receiver ${receiver.id}` })
          : await openReceiver(
              options.receivers?.get(driver),
              receiver,
              new Desk(core, receiver, parts.budget),
              logger,
            );
      servers.push(server);
      receiverUrls.set(receiver.id, server.url);
    }
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    throw error;
  }
  const sweeper = setInterval(() => core.sweep(), config.sessionCleanupSeconds * 1000);
  logger.info({ views: servers[0]?.url, receivers: Object.fromEntries(receiverUrls) }, "embedded Fusion is listening");
  return {
    viewUrl: servers[0]?.url ?? "",
    receiverUrls,
    viewsReady: (viewName) => {
      core.sweep();
      return core.views.get(viewName)?.ready ?? false;
    },
    summaryOf: (viewName) => summaryOf(core, viewName),
    stop: async () => {
      clearInterval(sweeper);
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

function summaryOf(core: FusionCore, viewName: string): ViewSummary | undefined {
  const view = core.views.get(viewName);
  if (view === undefined) return undefined;
  const sessions = core.sessionsOf(view).length;
  const { entries, files, directories } = view.arbitration.tree;
  return { ready: view.ready, entries: entries - 1, files, directories: directories - 1, rows: view.rows, sessions };
}

const budgetOf = ({ receivers }: FusionConfig): number =>
  Math.max(BODY_BUDGET_BYTES, ...[...receivers.values()].map(({ maxBodyBytes }) => 2 * maxBodyBytes));

interface Parts {
  readonly core: FusionCore;
  readonly config: FusionConfig;
  readonly logger: Logger;
  readonly keys: KeyRing;
  /** One for all ports: they share one memory. */
  readonly budget: ByteBudget;
}

function viewApp({ core, logger, keys, budget }: Parts): FusionApp {
  const app = basicApp(logger);
  app.get("/", (c) => c.json({ message: "Fustor embedded Fusion: views and management" }));
  app.route("/api/v1/pipe", consistencyRoutes(core, keys, budget));
  app.route("/api/v1/pipe", managementRoutes(core, keys));
  app.route("/api/v1/views", viewRoutes(core, keys));
  return app;
}

function receiverApp({ core, logger, keys, budget }: Parts, receiver: ReceiverConfig): FusionApp {
  const app = basicApp(logger);
  app.route("/api/v1/pipe", consistencyRoutes(core, keys, budget));
  app.route("/api/v1/pipe", receiverRoutes(new Desk(core, receiver, budget), budget));
  return app;
}

function basicApp(logger: Logger): FusionApp {
  const app: FusionApp = new Hono();
  app.notFound((c) => c.json({ detail: "Not Found" }, 404));
  app.onError((error, c) => {
    if (error instanceof ClientGone) return c.json({ detail: "The request was broken off" }, 400);
    logger.error({ error: error.message, path: c.req.path.replace(/[0-9a-f-]{36}/g, "<session>") }, "request failed");
    return c.json({ detail: "Internal Server Error" }, 500);
  });
  return app;
}
