/** The routes for readers of a view: the tree, its statistics, its sessions. */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { KEY_HEADER, type KeyRing, READS_ONLY } from "./api-keys.ts";
import type { FusionActs } from "./fusion-acts.ts";
import type { FusionCore } from "./fusion-core.ts";
import type { FusionApp } from "./http-server.ts";
import { booleanOf } from "./ingest-validation.ts";
import { MOST_PATTERN_LENGTH, search } from "./search.ts";
import { NONE } from "./tree.ts";
import { entryHead, treePieces } from "./tree-json.ts";
import { canonicalPath, isPathTooLong } from "./tree-path.ts";
import type { View } from "./view.ts";
import { jobFacts, sessionFacts, viewStatistics } from "./view-facts.ts";
import { overviewOf } from "./view-overview.ts";

type ViewEnv = { Bindings: HttpBindings; Variables: { view: View } };
type Ctx = Context<ViewEnv>;

/** The most entries of an answer that is a list. */
const MOST_LISTED = 10_000;

export function viewRoutes(core: FusionCore, acts: FusionActs, keys: KeyRing): FusionApp {
  const app = new Hono<ViewEnv>();
  app.get("/", (c) => overview(c, core, keys));
  app.on(["POST", "DELETE"], "/:view/reset", (c) => reset(c, core, acts, keys));
  app.use("/:view/*", async (c, next) => {
    const view = core.views.get(c.req.param("view"));
    if (view === undefined) return c.json({ detail: "Not Found" }, 404);
    const key = c.req.header(KEY_HEADER);
    if (key === undefined || key === "") return c.json({ detail: "X-API-Key header is missing" }, 401);
    if (!keys.mayRead(key, view.config.id)) return c.json({ detail: "Invalid or inactive X-API-Key" }, 401);
    c.set("view", view);
    await next();
  });
  app.get("/:view/sessions", (c) => sessions(c, core));
  app.get("/:view/jobs", (c) => {
    const view = c.get("view");
    return c.json({ jobs: view.jobs.all().map((job) => jobFacts(job, view)) });
  });
  app.get("/:view/jobs/:job", (c) => {
    const job = c.get("view").jobs.get(c.req.param("job"));
    if (job === undefined) return c.json({ detail: `Agent job '${c.req.param("job")}' not found` }, 404);
    return c.json(jobFacts(job, c.get("view")));
  });
  app.get("/:view/suspect-list", (c) => suspects(c));
  app.get("/:view/blind-spots", (c) => blindSpots(c));
  app.use("/:view/*", async (c, next) => {
    core.sweep();
    const { ready, config } = c.get("view");
    if (ready) return next();
    c.header("Retry-After", "5");
    return c.json({ detail: `View '${config.id}' is not complete yet: its leader has not ended a snapshot` }, 503);
  });
  app.get("/:view/stats", (c) => c.json(viewStatistics(c.get("view"))));
  app.get("/:view/tree", (c) => limitExceeded(c) ?? tree(c, core));
  app.get("/:view/search", (c) => limitExceeded(c) ?? found(c));
  return app as unknown as FusionApp;
}

/** The views that the key may read, and those that its pipe feeds. */
function overview(c: Ctx, core: FusionCore, keys: KeyRing): Response {
  const key = c.req.header(KEY_HEADER);
  if (key === undefined || key === "") return c.json({ detail: "X-API-Key header is missing" }, 401);
  const owner = keys.ownerOf(key);
  if (owner === undefined) return c.json({ detail: "Invalid or inactive X-API-Key" }, 401);
  const isShown = (view: View): boolean =>
    owner.kind === "pipe" ? core.feeds(owner.id, view) : keys.mayRead(key, view.config.id);
  const shown = [...core.views.values()].filter(isShown);
  return c.json({ views: shown.map((view) => overviewOf(core, view)) });
}

/** Emptying a view is writing, so it needs a key of a pipe that feeds the view. */
function reset(c: Ctx, core: FusionCore, acts: FusionActs, keys: KeyRing): Response {
  const view = core.views.get(c.req.param("view") ?? "");
  if (view === undefined) return c.json({ detail: "Not Found" }, 404);
  const key = c.req.header(KEY_HEADER);
  if (key === undefined || key === "") return c.json({ detail: "X-API-Key header is missing" }, 401);
  const owner = keys.ownerOf(key);
  if (owner?.kind === "view" && owner.id === view.config.id) return c.json({ detail: READS_ONLY }, 403);
  if (owner?.kind !== "pipe" || !core.feeds(owner.id, view)) {
    return c.json({ detail: "Invalid or inactive X-API-Key" }, 401);
  }
  acts.resetView(view.config.id);
  return c.body(null, 204);
}

function limitExceeded(c: Ctx): Response | undefined {
  const { config, arbitration } = c.get("view");
  const count = arbitration.tree.entries;
  if (config.maxTreeItems === 0 || count <= config.maxTreeItems) return undefined;
  const detail = {
    error: "The view holds more entries than a query may touch",
    view: config.id,
    current_count: count,
    limit: config.maxTreeItems,
    suggestion: "Raise driver_params.max_tree_items of the view, 0 lifts the limit",
  };
  return c.json({ detail }, 400);
}

function tree(c: Ctx, core: FusionCore): Response {
  const view = c.get("view");
  const query = readQuery(c);
  if (query.kind === "bad") return c.json({ detail: [query.problem] }, 422);
  if (query.dryRun) return c.json({ message: "dry-run", view_id: view.config.id });
  const asked = query.onDemandScan ? core.requestScan(view, query.path, query.recursive) : undefined;
  if (asked?.kind === "busy") {
    c.header("Retry-After", "5");
    return c.json({ detail: "The agents have too many scans waiting" }, 429);
  }
  const job = asked?.kind === "asked" ? asked.job : undefined;
  const extra = { job_id: job?.id ?? null, job_pending: job !== undefined };
  const id = view.arbitration.tree.lookup(query.path);
  if (id === NONE) {
    if (job !== undefined)
      return c.json({ ...extra, message: "The path is not known yet; a scan of it is under way." });
    return c.json({ detail: "The path is not known or has not arrived yet" }, 404);
  }
  const pieces = treePieces(view.arbitration, id, {
    maxDepth: query.recursive ? query.maxDepth : Math.min(1, query.maxDepth ?? 1),
    onlyPath: query.onlyPath,
    extra: `,${JSON.stringify(extra).slice(1, -1)}`,
  });
  return streamed(pieces);
}

/** Writes a piece when the socket has room for it. */
function streamed(pieces: Generator<string, void, undefined>): Response {
  const encoder = new TextEncoder();
  const first = pieces.next();
  const second = first.done === true ? first : pieces.next();
  const headers = { "content-type": "application/json" };
  if (second.done === true) return new Response(first.value ?? "", { headers });
  let waiting: (string | undefined)[] = [first.value ?? "", second.value];
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        for (const piece of waiting) controller.enqueue(encoder.encode(piece));
        const next = pieces.next();
        waiting = [next.value ?? undefined].filter((piece) => piece !== undefined);
        if (next.done === true) controller.close();
      },
      cancel() {
        pieces.return();
      },
    },
    { highWaterMark: 1 },
  );
  return new Response(body, { headers });
}

type Query =
  | {
      readonly kind: "good";
      readonly path: string;
      readonly recursive: boolean;
      readonly maxDepth: number | undefined;
      readonly onlyPath: boolean;
      readonly dryRun: boolean;
      readonly onDemandScan: boolean;
    }
  | {
      readonly kind: "bad";
      readonly problem: { readonly type: string; readonly loc: readonly string[]; readonly msg: string };
    };

function readQuery(c: Ctx): Query {
  const flags: Record<string, boolean> = { recursive: true, only_path: false, dry_run: false, on_demand_scan: false };
  for (const name of Object.keys(flags)) {
    const text = c.req.query(name);
    if (text === undefined) continue;
    const flag = booleanOf(text);
    if (flag === undefined) return bad("bool_parsing", name, "must be true or false");
    flags[name] = flag;
  }
  const path = c.req.query("path") ?? "/";
  if (isPathTooLong(path)) return bad("string_too_long", "path", "must have at most 4096 bytes");
  const depth = c.req.query("max_depth");
  if (depth !== undefined && !/^\d{1,9}$/.test(depth)) return bad("int_parsing", "max_depth", "must be a whole number");
  return {
    kind: "good",
    path: canonicalPath(path),
    recursive: flags.recursive === true,
    maxDepth: depth === undefined ? undefined : Number(depth),
    onlyPath: flags.only_path === true,
    dryRun: flags.dry_run === true,
    onDemandScan: flags.on_demand_scan === true,
  };
}

const bad = (type: string, name: string, msg: string): Query => ({
  kind: "bad",
  problem: { type, loc: ["query", name], msg },
});

async function found(c: Ctx): Promise<Response> {
  const pattern = c.req.query("pattern");
  if (pattern === undefined || pattern.length > MOST_PATTERN_LENGTH) {
    const msg = `a pattern of * and ? is needed, of at most ${MOST_PATTERN_LENGTH} characters`;
    return c.json({ detail: [{ type: "missing", loc: ["query", "pattern"], msg }] }, 422);
  }
  const { arbitration } = c.get("view");
  const heads = await search(arbitration, pattern, MOST_LISTED, () => !c.env.outgoing.destroyed);
  if (heads === undefined) return c.json({ detail: "The view was emptied while it was searched" }, 503);
  return c.body(`[${[...heads.values()].map((head) => `${head}}`).join(",")}]`, 200, JSON_TYPE);
}

const JSON_TYPE = { "content-type": "application/json" };

const entryList = ({ arbitration }: View, ids: readonly number[]): string =>
  `[${ids.map((id) => `${entryHead(arbitration, id, arbitration.tree.pathOf(id), false)}}`).join(",")}]`;

function suspects(c: Ctx): Response {
  const { arbitration } = c.get("view");
  return c.json(
    arbitration.suspects
      .all()
      .slice(0, MOST_LISTED)
      .map((id) => ({
        path: arbitration.tree.pathOf(id),
        suspect_until: arbitration.tree.suspectUntilOf(id),
      })),
  );
}

/** The counts are complete; the lists are cut. */
function blindSpots(c: Ctx): Response {
  const view = c.get("view");
  const added = view.arbitration.unannounced();
  const deleted = [...view.arbitration.blindDeletions].sort();
  const additions = `"additions_count":${added.length},"additions":${entryList(view, added.slice(0, MOST_LISTED))}`;
  const deletions = `"deletion_count":${deleted.length},"deletions":${JSON.stringify(deleted.slice(0, MOST_LISTED))}`;
  return c.body(`{${additions},${deletions}}`, 200, JSON_TYPE);
}

function sessions(c: Ctx, core: FusionCore): Response {
  const view = c.get("view");
  const active = core.sessionsOf(view).map((session) => sessionFacts(core, view, session));
  return c.json({ view_id: view.config.id, active_sessions: active, count: active.length });
}
