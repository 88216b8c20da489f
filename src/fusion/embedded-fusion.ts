import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import type { Logger } from "../sdk/observer.ts";
import type { ReceiverModule } from "../sdk/receiver-driver.ts";
import { KeyRing } from "./api-keys.ts";
import { ByteBudget } from "./byte-budget.ts";
import { consistencyRoutes } from "./consistency-routes.ts";
import { Desk } from "./desk.ts";
import { FusionActs } from "./fusion-acts.ts";
import { type FusionClock, systemClock } from "./fusion-clock.ts";
import type { FusionConfig, ReceiverConfig, TlsFiles } from "./fusion-config.ts";
import { FusionCore } from "./fusion-core.ts";
import { type FusionApp, type ListeningServer, type ListenOptions, listen, type ServerBounds } from "./http-server.ts";
import type { KeyRegistry } from "./keys/key-registry.ts";
import { isLoopback } from "./loopback.ts";
import { managementRoutes } from "./management-routes.ts";
import { openReceiver } from "./open-receiver.ts";
import { receiverRoutes } from "./receiver-routes.ts";
import { ClientGone } from "./request-body.ts";
import { type LockState, openState, type StateOptions } from "./state/open-state.ts";
import { overviewOf, type ViewOverview } from "./view-overview.ts";
import { viewRoutes } from "./view-routes.ts";

export interface EmbeddedFusionOptions {
  readonly config: FusionConfig;
  readonly logger: Logger;
  /** The receiver drivers that the configuration names, beside http. */
  readonly receivers?: ReadonlyMap<string, ReceiverModule>;
  /** Keys beside those of the configuration; they may change while Fusion runs. */
  readonly registry?: KeyRegistry;
  /** Try the next port when one is taken; otherwise that is an error. Default false. */
  readonly portFallback?: boolean;
  /** For tests. */
  readonly clock?: FusionClock;
  /** For tests. */
  readonly bounds?: ServerBounds;
  /** Keeps a second process out of `state_dir`. */
  readonly lockFile?: LockState;
  /** For tests. */
  readonly state?: Pick<StateOptions, "journalBytes" | "retryMs">;
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
  /** Every view with its pipes and agents. */
  overview(): readonly ViewOverview[];
  /** Closes all ports and connections, and writes the state if there is a `state_dir`. */
  stop(): Promise<void>;
}

/**
 * Starts a Fusion in this process: one port for views and management, one per receiver. Views live in memory,
 * and on disk as well if there is a `state_dir`.
 *
 * @throws FustorError FUSTOR_CONFIG_INVALID naming the port that cannot be opened; nothing is left open then.
 */
export async function startEmbeddedFusion(options: EmbeddedFusionOptions): Promise<EmbeddedFusion> {
  const { config, logger } = options;
  const kept = await keptFusion(options);
  const core = kept?.core ?? makeCore(config, options.clock ?? systemClock, logger);
  const acts = new FusionActs(core, randomUUID, kept?.store);
  const servers: Pick<ListeningServer, "url" | "close">[] = [];
  const receiverUrls = new Map<string, string>();
  const common: Pick<ListenOptions, "portFallback" | keyof ServerBounds> = {
    portFallback: options.portFallback ?? false,
    ...options.bounds,
  };
  const parts: Parts = {
    core,
    acts,
    logger,
    keys: new KeyRing(config, options.registry),
    budget: new ByteBudget(budgetOf(config)),
  };
  try {
    const views = viewApp(parts);
    const { host, port, tls } = config;
    servers.push(await listen(views, { ...common, host, port, tls, what: "views" }));
    warnOfPlain(logger, "views", host, tls);
    for (const receiver of config.receivers.values()) {
      const server = await opened(options, parts, receiver, common);
      servers.push(server);
      receiverUrls.set(receiver.id, server.url);
    }
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    await kept?.end();
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
    overview: () => [...core.views.values()].map((view) => overviewOf(core, view)),
    stop: async () => {
      clearInterval(sweeper);
      await Promise.all(servers.map((server) => server.close()));
      await kept?.end();
    },
  };
}

const makeCore = (config: FusionConfig, clock: FusionClock, logger: Logger): FusionCore =>
  new FusionCore(config, clock, logger, randomUUID);

/** Undefined without `state_dir`. */
async function keptFusion({ config, logger, clock, lockFile, state }: EmbeddedFusionOptions) {
  if (config.stateDir === undefined) return undefined;
  return openState({
    ...state,
    folder: config.stateDir,
    config,
    clock: clock ?? systemClock,
    logger,
    makeCore: (held, gated) => makeCore(config, held, gated),
    lock: lockFile,
  });
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
  readonly acts: FusionActs;
  readonly logger: Logger;
  readonly keys: KeyRing;
  /** One for all ports: they share one memory. */
  readonly budget: ByteBudget;
}

function viewApp({ core, acts, logger, keys, budget }: Parts): FusionApp {
  const app = basicApp(logger, acts);
  app.get("/", (c) => c.json({ message: "Fustor embedded Fusion: views and management" }));
  app.route("/api/v1/pipe", consistencyRoutes(core, acts, keys, budget));
  app.route("/api/v1/pipe", managementRoutes(core, keys));
  app.route("/api/v1/views", viewRoutes(core, acts, keys));
  return app;
}

function receiverApp(parts: Parts, receiver: ReceiverConfig): FusionApp {
  const { core, acts, logger, keys, budget } = parts;
  const app = basicApp(logger, acts);
  app.route("/api/v1/pipe", consistencyRoutes(core, acts, keys, budget));
  app.route("/api/v1/pipe", receiverRoutes(new Desk(parts, receiver), budget));
  return app;
}

/** One receiver, over HTTP or by a driver of a package. */
function opened(
  { receivers, logger }: EmbeddedFusionOptions,
  parts: Parts,
  receiver: ReceiverConfig,
  common: Pick<ListenOptions, "portFallback" | keyof ServerBounds>,
): Promise<Pick<ListeningServer, "url" | "close">> {
  const { id, host, port, driver, tls } = receiver;
  if (driver === "http") warnOfPlain(logger, `receiver ${id}`, host, tls);
  if (driver === "http")
    return listen(receiverApp(parts, receiver), { ...common, host, port, tls, what: `receiver ${id}` });
  return openReceiver(receivers?.get(driver), receiver, new Desk(parts, receiver), logger);
}

function warnOfPlain(logger: Logger, what: string, host: string, tls: TlsFiles | undefined): void {
  if (tls !== undefined || isLoopback(host)) return;
  logger.warn({ address: host }, `${what}: keys come without TLS from other machines, name cert_file and key_file`);
}

function basicApp(logger: Logger, acts: FusionActs): FusionApp {
  const app: FusionApp = new Hono();
  // An answer says that something is kept, so it waits for the disk when there is a state.
  app.use(async (_, next) => {
    await next();
    await acts.settled();
  });
  app.notFound((c) => c.json({ detail: "Not Found" }, 404));
  app.onError((error, c) => {
    if (error instanceof ClientGone) return c.json({ detail: "The request was broken off" }, 400);
    logger.error({ error: error.message, path: c.req.path.replace(/[0-9a-f-]{36}/g, "<session>") }, "request failed");
    return c.json({ detail: "Internal Server Error" }, 500);
  });
  return app;
}
