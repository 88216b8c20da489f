/**
 * Conversations with a Fusion as data. Every expectation was observed on Fusion 0.8.17; where the embedded one answers better on
 * purpose, the step is marked. Times are seconds relative to the start of the scenario.
 */

/** The configuration all scenarios run on; `$VIEWS` and `$RECEIVER` stand for the ports. */
export const SCENARIO_CONFIG = `
host: 127.0.0.1
port: $VIEWS
session_cleanup_interval: 1
receivers:
  http-receiver:
    driver: http
    bind_host: 127.0.0.1
    port: $RECEIVER
    api_keys:
      - {key: push-key, pipe_id: pipe-1}
      - {key: lock-key, pipe_id: pipe-lock}
      - {key: limit-key, pipe_id: pipe-limit}
      - {key: same-key, pipe_id: same-id}
views:
  unified-view: {driver: fs, api_keys: [read-key], driver_params: {hot_file_threshold: 2, max_tree_items: 0}}
  lock-view: {driver: fs, api_keys: [lock-read], driver_params: {hot_file_threshold: 2}}
  limit-view: {driver: fs, api_keys: [limit-read], driver_params: {max_tree_items: 3}}
  same-id: {driver: fs, api_keys: [same-read], driver_params: {hot_file_threshold: 2}}
pipes:
  pipe-1: {receiver: http-receiver, views: [unified-view], session_timeout_seconds: 30, audit_interval_sec: 30}
  pipe-lock: {receiver: http-receiver, views: [lock-view], allow_concurrent_push: false}
  pipe-limit: {receiver: http-receiver, views: [limit-view]}
  same-id: {receiver: http-receiver, views: [same-id]}
`;

export type Lane = "unified" | "lock" | "limit" | "same";

export interface RowSpec {
  readonly path: string;
  readonly dir?: boolean;
  readonly size?: number;
  /** Modification time; absent in deletes. */
  readonly at?: number;
  /** Further members as they go on the wire. */
  readonly plus?: Readonly<Record<string, unknown>>;
  /** `parent_mtime`, with `parent_path` being the row's directory. */
  readonly parentAt?: number;
}

export interface EventSpec {
  readonly op?: "insert" | "update" | "delete";
  readonly from: "realtime" | "snapshot" | "audit" | "on_demand_job";
  readonly rows: readonly RowSpec[];
}

export type Step =
  | {
      readonly do: "open";
      readonly as: string;
      readonly lane?: Lane;
      readonly timeout?: number;
      readonly role?: string;
      readonly status?: number;
    }
  | {
      readonly do: "beat";
      readonly as: string;
      readonly status?: number;
      readonly role?: string;
      readonly commands?: readonly string[];
    }
  | { readonly do: "close"; readonly as: string }
  | {
      readonly do: "post";
      readonly as: string;
      readonly type: string;
      readonly events?: readonly EventSpec[];
      readonly end?: boolean;
      readonly metadata?: Readonly<Record<string, unknown>>;
      readonly status?: number;
      readonly body?: unknown;
    }
  /** Lines as `path[/] size @time`, `@-` for an entry dated 0, ` suspect` at the end of a suspect one. Any order. */
  | { readonly do: "tree"; readonly lane?: Lane; readonly is?: readonly string[]; readonly status?: number }
  | {
      readonly do: "ask";
      readonly port: "views" | "receiver";
      readonly method: string;
      readonly path: string;
      readonly key?: string;
      readonly json?: unknown;
      readonly status: number;
      readonly body?: unknown;
      readonly detail?: string;
    }
  | { readonly do: "wait"; readonly seconds: number };

export interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Why the real one does not pass it. */
  readonly embeddedOnly?: string;
}

const ROOT = "/ 0 @-";

const live = (as: string, ...rows: RowSpec[]): Step => ({
  do: "post",
  as,
  type: "message",
  events: [{ from: "realtime", rows }],
});
const gone = (as: string, ...paths: string[]): Step => ({
  do: "post",
  as,
  type: "message",
  events: [{ op: "delete", from: "realtime", rows: paths.map((path) => ({ path })) }],
});
const scanned = (as: string, ...rows: RowSpec[]): Step => ({
  do: "post",
  as,
  type: "snapshot",
  events: [{ from: "snapshot", rows }],
});
const audited = (as: string, ...rows: RowSpec[]): Step => ({
  do: "post",
  as,
  type: "audit",
  events: [{ from: "audit", rows }],
});
const auditEnd = (as: string): Step => ({ do: "post", as, type: "audit", end: true });
const leader: readonly Step[] = [
  { do: "open", as: "A", role: "leader" },
  { do: "post", as: "A", type: "snapshot", end: true },
];
const tree = (...is: string[]): Step => ({ do: "tree", is: [ROOT, ...is] });

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "a snapshot row is used only when it is newer than what is stored",
    steps: [
      ...leader,
      scanned("A", { path: "/a", at: -50, size: 1 }),
      scanned("A", { path: "/a", at: -60, size: 2 }),
      tree("/a 1 @-50"),
      scanned("A", { path: "/a", at: -50, size: 3 }),
      tree("/a 1 @-50"),
      scanned("A", { path: "/a", at: -40, size: 4 }),
      tree("/a 4 @-40"),
    ],
  },
  {
    name: "a realtime row wins though it is older, and a skipped directory's row too",
    steps: [
      ...leader,
      scanned("A", { path: "/a", at: -40 }, { path: "/d", dir: true, at: -40 }),
      live("A", { path: "/a", at: -100, size: 5 }),
      scanned("A", { path: "/d", dir: true, at: -60, size: 9, plus: { audit_skipped: true } }),
      tree("/a 5 @-100", "/d/ 9 @-60 suspect"),
    ],
  },
  {
    name: "a tombstone refuses rows from before the delete, of every origin and of paths never seen",
    steps: [
      ...leader,
      live("A", { path: "/clock", at: 0 }),
      scanned("A", { path: "/a", at: -50 }),
      gone("A", "/a", "/unknown"),
      live("A", { path: "/a", at: -10 }, { path: "/unknown", at: -10 }),
      scanned("A", { path: "/a", at: -10 }),
      audited("A", { path: "/a", at: -10 }),
      tree("/clock 0 @0"),
    ],
  },
  {
    name: "a row dated after the delete lifts the tombstone",
    steps: [
      ...leader,
      live("A", { path: "/clock", at: 0 }, { path: "/a", at: 0 }),
      gone("A", "/a"),
      live("A", { path: "/a", at: 60 }),
      live("A", { path: "/a", at: -60 }),
      tree("/clock 0 @0", "/a 0 @-60"),
    ],
  },
  {
    name: "delete, a far-off snapshot row and the true realtime row in one POST bring a path back",
    steps: [
      ...leader,
      live("A", { path: "/f", at: -10 }, { path: "/d", dir: true, at: -10 }, { path: "/d/old", at: -10 }),
      {
        do: "post",
        as: "A",
        type: "message",
        events: [
          { op: "delete", from: "realtime", rows: [{ path: "/f" }, { path: "/d" }] },
          {
            from: "snapshot",
            rows: [
              { path: "/f", at: 1e8 },
              { path: "/d", dir: true, at: 1e8 },
            ],
          },
          {
            from: "realtime",
            rows: [
              { path: "/f", at: -500, size: 7 },
              { path: "/d", dir: true, at: -600 },
            ],
          },
        ],
      },
      tree("/f 7 @-500", "/d/ 0 @-600"),
      live("A", { path: "/f", at: -400, size: 8 }),
      tree("/f 8 @-400", "/d/ 0 @-600"),
    ],
  },
  {
    name: "the delete of a directory takes the subtree, but a late row below it brings the directory back",
    steps: [
      ...leader,
      live("A", { path: "/d", dir: true, at: 0 }, { path: "/d/e/f", at: 0 }),
      gone("A", "/d"),
      tree(),
      scanned("A", { path: "/d/e/f", at: -50 }),
      tree("/d/ 0 @-", "/d/e/ 0 @-", "/d/e/f 0 @-50"),
    ],
  },
  {
    name: "a file and a directory of one name replace each other",
    steps: [
      ...leader,
      live("A", { path: "/x", dir: true, at: -9 }, { path: "/x/y/z", at: -9 }),
      live("A", { path: "/x", at: -8 }),
      tree("/x 0 @-8"),
      live("A", { path: "/x", dir: true, at: -7 }, { path: "/x/a", at: -7 }),
      scanned("A", { path: "/x", at: -20 }),
      tree("/x/ 0 @-7", "/x/a 0 @-7"),
      live("A", { path: "/x/a/b", at: -5 }),
      tree("/x/ 0 @-7", "/x/a/ 0 @-", "/x/a/b 0 @-5"),
    ],
  },
  {
    name: "rows with old times move the clock that stamps deletions back",
    steps: [
      ...leader,
      live("A", { path: "/a", at: -100 }, { path: "/b", at: -100 }),
      gone("A", "/a"),
      live("A", { path: "/a", at: -50 }),
      tree("/a 0 @-50", "/b 0 @-100"),
    ],
  },
  {
    name: "snapshot deletes leave no tombstone and spare what is newer",
    steps: [
      ...leader,
      scanned("A", { path: "/a", at: -50 }, { path: "/b", at: -50 }),
      {
        do: "post",
        as: "A",
        type: "snapshot",
        events: [{ op: "delete", from: "snapshot", rows: [{ path: "/a" }, { path: "/b", at: -90 }] }],
      },
      tree("/b 0 @-50"),
      scanned("A", { path: "/a", at: -60 }),
      tree("/a 0 @-60", "/b 0 @-50"),
    ],
  },
  {
    name: "an audit's end removes what it did not find in directories it has seen",
    steps: [
      ...leader,
      scanned(
        "A",
        { path: "/d", dir: true, at: -90 },
        { path: "/d/a", at: -90 },
        { path: "/d/b", at: -90 },
        { path: "/e/x", at: -90 },
      ),
      audited("A", { path: "/d", dir: true, at: -80 }, { path: "/d/a", at: -90 }),
      tree("/d/ 0 @-80", "/d/a 0 @-90", "/d/b 0 @-90", "/e/ 0 @-", "/e/x 0 @-90"),
      auditEnd("A"),
      tree("/d/ 0 @-80", "/d/a 0 @-90", "/e/ 0 @-", "/e/x 0 @-90"),
      audited("A", { path: "/", dir: true, at: -80 }),
      auditEnd("A"),
      { do: "tree", is: ["/ 0 @-80"] },
    ],
  },
  {
    name: "an audit's end without an audit removes nothing",
    steps: [...leader, scanned("A", { path: "/a", at: -90 }), auditEnd("A"), tree("/a 0 @-90")],
  },
  {
    name: "an audit spares what realtime touched, and a skipped directory until its row is newer",
    steps: [
      ...leader,
      scanned("A", { path: "/f", dir: true, at: -90 }, { path: "/f/1", at: -90 }, { path: "/f/2", at: -90 }),
      scanned("A", { path: "/g", dir: true, at: -90 }, { path: "/g/1", at: -90 }),
      audited(
        "A",
        { path: "/f", dir: true, at: -90 },
        { path: "/g", dir: true, at: -90, plus: { audit_skipped: true } },
      ),
      live("A", { path: "/f/1", at: -50 }),
      auditEnd("A"),
      tree("/f/ 0 @-90", "/f/1 0 @-50", "/g/ 0 @-90", "/g/1 0 @-90"),
      audited("A", { path: "/g", dir: true, at: -90 }),
      auditEnd("A"),
      tree("/f/ 0 @-90", "/f/1 0 @-50", "/g/ 0 @-90", "/g/1 0 @-90"),
      audited("A", { path: "/g", dir: true, at: -80 }),
      auditEnd("A"),
      tree("/f/ 0 @-90", "/f/1 0 @-50", "/g/ 0 @-80"),
    ],
  },
  {
    name: "a new session voids the running audit",
    steps: [
      ...leader,
      scanned("A", { path: "/h", dir: true, at: -90 }, { path: "/h/1", at: -90 }),
      audited("A", { path: "/h", dir: true, at: -90 }),
      { do: "open", as: "B", role: "follower" },
      auditEnd("A"),
      tree("/h/ 0 @-90", "/h/1 0 @-90"),
    ],
  },
  {
    name: "an audit row listed before its directory last changed is not believed",
    steps: [
      ...leader,
      live("A", { path: "/p", dir: true, at: -10 }),
      audited("A", { path: "/p/stale", at: -20, parentAt: -30 }, { path: "/p/fresh", at: -20, parentAt: -10 }),
      scanned("A", { path: "/p/scanned", at: -20, parentAt: -30 }),
      tree("/p/ 0 @-10", "/p/fresh 0 @-20", "/p/scanned 0 @-20"),
    ],
  },
  {
    name: "the root cannot be deleted",
    steps: [...leader, live("A", { path: "/a", at: -9 }), gone("A", "/"), tree("/a 0 @-9")],
  },
  {
    name: "paths are normalised and aliases of members understood",
    steps: [
      ...leader,
      {
        do: "post",
        as: "A",
        type: "message",
        events: [
          {
            from: "realtime",
            rows: [
              { path: "b/./c/", at: -3 },
              { path: "/x/../up", at: -3 },
              {
                path: "",
                at: -3,
                plus: { path: undefined, file_path: "/by-alias", is_directory: undefined, is_dir: true },
              },
            ],
          },
        ],
      },
      tree("/b/ 0 @-", "/b/c 0 @-3", "/up 0 @-3", "/by-alias/ 0 @-3"),
    ],
  },
  {
    name: "a file that is being written is suspect until the threshold or an atomic write",
    steps: [
      ...leader,
      live(
        "A",
        { path: "/a", at: 0, plus: { is_atomic_write: false } },
        { path: "/b", at: 0, plus: { is_atomic_write: false } },
        { path: "/c", at: 0 },
      ),
      scanned("A", { path: "/hot", at: 0 }, { path: "/cold", at: -100 }),
      tree("/a 0 @0 suspect", "/b 0 @0 suspect", "/c 0 @0", "/hot 0 @0 suspect", "/cold 0 @-100"),
      live("A", { path: "/a", at: 0, plus: { is_atomic_write: true } }),
      tree("/a 0 @0", "/b 0 @0 suspect", "/c 0 @0", "/hot 0 @0 suspect", "/cold 0 @-100"),
      { do: "wait", seconds: 4 },
      tree("/a 0 @0", "/b 0 @0", "/c 0 @0", "/hot 0 @0", "/cold 0 @-100"),
    ],
  },
  {
    name: "a view opens when its leader, not a follower, ends a snapshot, and closes when the leader goes",
    steps: [
      { do: "open", as: "A", role: "leader" },
      { do: "open", as: "B", role: "follower" },
      scanned("A", { path: "/a", at: -9 }),
      { do: "tree", status: 503 },
      { do: "post", as: "B", type: "snapshot", end: true },
      { do: "tree", status: 503 },
      { do: "post", as: "A", type: "snapshot", end: true },
      tree("/a 0 @-9"),
      { do: "close", as: "A" },
      { do: "tree", status: 503 },
      { do: "beat", as: "B", role: "leader" },
      { do: "tree", status: 503 },
      { do: "post", as: "B", type: "snapshot", end: true },
      tree("/a 0 @-9"),
    ],
  },
  {
    name: "closing the last session empties the view and lifts its tombstones",
    steps: [
      ...leader,
      live("A", { path: "/clock", at: 0 }, { path: "/a", at: -9 }),
      gone("A", "/a"),
      { do: "close", as: "A" },
      { do: "wait", seconds: 1 },
      ...leader,
      tree(),
      live("A", { path: "/a", at: -9 }),
      tree("/a 0 @-9"),
    ],
  },
  {
    name: "a session lives by heartbeats, not by data, and a follower takes over at its heartbeat",
    steps: [
      { do: "open", as: "A", timeout: 2, role: "leader" },
      { do: "open", as: "B", role: "follower" },
      { do: "wait", seconds: 1 },
      { do: "beat", as: "A", role: "leader" },
      { do: "wait", seconds: 1.5 },
      { do: "beat", as: "A", role: "leader" },
      live("A", { path: "/a", at: -9 }),
      { do: "wait", seconds: 4.5 },
      { do: "beat", as: "A", status: 419 },
      { do: "beat", as: "B", role: "leader" },
    ],
  },
  {
    name: "a pipe without concurrent push takes one session at a time",
    steps: [
      { do: "open", as: "A", lane: "lock", role: "leader" },
      { do: "open", as: "B", lane: "lock", status: 409 },
      { do: "close", as: "A" },
      { do: "open", as: "B", lane: "lock", role: "leader" },
    ],
  },
  {
    name: "unknown sessions: 419 for a heartbeat, 404 for data, 200 for a delete",
    steps: [
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/session/nope/heartbeat",
        key: "push-key",
        json: {},
        status: 419,
        detail: "Session obsoleted",
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/ingest/nope/events",
        key: "push-key",
        json: { events: [] },
        status: 404,
        detail: "Session nope not found or expired",
      },
      {
        do: "ask",
        port: "receiver",
        method: "DELETE",
        path: "/api/v1/pipe/session/nope",
        key: "push-key",
        status: 200,
        body: { status: "terminated", session_id: "nope" },
      },
    ],
  },
  {
    name: "the end of a scan belongs to a session like everything else",
    embeddedOnly: "the real one takes it of anybody, after it has read the body",
    steps: [
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/ingest/nope/events",
        key: "push-key",
        json: { events: [], source_type: "job_complete", metadata: { scan_path: "/" } },
        status: 404,
        detail: "Session nope not found or expired",
      },
    ],
  },
  {
    name: "keys: which one is missing or wrong decides the detail",
    steps: [
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/session/",
        json: { task_id: "t" },
        status: 401,
        detail: "API key required",
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/session/",
        json: { task_id: "t" },
        key: "read-key",
        status: 401,
        detail: "Invalid API key",
      },
      {
        do: "ask",
        port: "receiver",
        method: "GET",
        path: "/api/v1/pipe/session/",
        status: 401,
        detail: "X-API-Key header is missing",
      },
      {
        do: "ask",
        port: "receiver",
        method: "GET",
        path: "/api/v1/pipe/session/",
        key: "zz",
        status: 401,
        detail: "Invalid or inactive X-API-Key",
      },
      {
        do: "ask",
        port: "receiver",
        method: "GET",
        path: "/api/v1/pipe/session/",
        key: "push-key",
        status: 200,
        body: { view_id: "pipe-1", status: "authorized" },
      },
      {
        do: "ask",
        port: "views",
        method: "GET",
        path: "/api/v1/pipe/session/",
        key: "read-key",
        status: 200,
        body: { view_id: "unified-view", status: "authorized" },
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/consistency/audit/start",
        status: 401,
        detail: "X-API-Key header is missing",
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/consistency/audit/end",
        key: "zz",
        status: 401,
        detail: "Invalid or inactive X-API-Key",
      },
      {
        do: "ask",
        port: "views",
        method: "GET",
        path: "/api/v1/views/unified-view/tree",
        status: 401,
        detail: "X-API-Key header is missing",
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/session",
        json: { task_id: "t" },
        key: "push-key",
        status: 307,
      },
    ],
  },
  {
    name: "a session body that is wrong is answered with 422",
    steps: [
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/session/",
        key: "push-key",
        json: {},
        status: 422,
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/session/",
        key: "push-key",
        json: { task_id: 5 },
        status: 422,
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/session/",
        key: "push-key",
        json: [],
        status: 422,
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/session/",
        key: "push-key",
        json: { task_id: "t", session_timeout_seconds: 2.5 },
        status: 422,
      },
    ],
  },
  {
    name: "data with metadata counts as the end of a scan and is dropped",
    steps: [
      ...leader,
      {
        do: "post",
        as: "A",
        type: "on_demand_job",
        events: [{ from: "on_demand_job", rows: [{ path: "/lost", at: -9 }] }],
        metadata: { scan_path: "/" },
        body: { status: "ok", phase: "job_complete" },
      },
      {
        do: "post",
        as: "A",
        type: "on_demand_job",
        events: [{ from: "on_demand_job", rows: [{ path: "/kept", at: -9 }] }],
        body: { status: "ok", count: 1 },
      },
      { do: "post", as: "A", type: "message", body: { status: "ok", count: 0 } },
      tree("/kept 0 @-9"),
    ],
  },
  {
    name: "a scan asked for by a reader reaches every session once",
    steps: [
      ...leader,
      { do: "open", as: "B", role: "follower" },
      {
        do: "ask",
        port: "views",
        method: "GET",
        path: "/api/v1/views/unified-view/tree?path=/d&on_demand_scan=true",
        key: "read-key",
        status: 200,
      },
      { do: "beat", as: "A", commands: ["scan /d"] },
      { do: "beat", as: "B", commands: ["scan /d"] },
      { do: "beat", as: "A", commands: [] },
    ],
  },
  {
    name: "a view with more entries than allowed refuses tree queries, not data",
    steps: [
      { do: "open", as: "A", lane: "limit", role: "leader" },
      {
        do: "post",
        as: "A",
        type: "snapshot",
        end: true,
        events: [
          {
            from: "snapshot",
            rows: [
              { path: "/1", at: -9 },
              { path: "/2", at: -9 },
            ],
          },
        ],
      },
      { do: "tree", lane: "limit", is: [ROOT, "/1 0 @-9 suspect", "/2 0 @-9 suspect"] },
      live("A", { path: "/3", at: -9 }),
      { do: "tree", lane: "limit", status: 400 },
    ],
  },
  {
    name: "the sentinel is handed suspect files and its answers are taken over",
    steps: [
      { do: "open", as: "A", lane: "same", role: "leader" },
      { do: "post", as: "A", type: "snapshot", end: true },
      {
        do: "ask",
        port: "receiver",
        method: "GET",
        path: "/api/v1/pipe/consistency/sentinel/tasks",
        key: "same-key",
        status: 200,
        body: {},
      },
      live("A", { path: "/a", at: 0, plus: { is_atomic_write: false } }, { path: "/d", dir: true, at: 0 }),
      {
        do: "ask",
        port: "receiver",
        method: "GET",
        path: "/api/v1/pipe/consistency/sentinel/tasks",
        key: "same-key",
        status: 200,
        body: { type: "suspect_check", paths: ["/a"], view_id: "same-id" },
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/consistency/sentinel/feedback",
        key: "same-key",
        json: { type: "suspect_update", updates: [{ path: "/a", mtime: 1000, size: 9, status: "exists" }] },
        status: 200,
        body: { status: "processed", drivers_updated: 1 },
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/consistency/sentinel/feedback",
        key: "same-key",
        json: { type: "else" },
        status: 200,
        body: { status: "ignored", reason: "unknown_type" },
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/consistency/audit/start",
        key: "same-key",
        status: 200,
        body: { status: "audit_started", drivers_handled: 1 },
      },
      {
        do: "ask",
        port: "receiver",
        method: "POST",
        path: "/api/v1/pipe/consistency/audit/end",
        key: "same-key",
        status: 200,
        body: { status: "audit_ended", drivers_handled: 1 },
      },
    ],
  },
  {
    name: "an expired session's data is refused",
    embeddedOnly: "the real one answers 200 for a while",
    steps: [
      { do: "open", as: "A", timeout: 2, role: "leader" },
      { do: "open", as: "B", role: "follower" },
      { do: "wait", seconds: 2.5 },
      {
        do: "post",
        as: "A",
        type: "message",
        events: [{ from: "realtime", rows: [{ path: "/zombie", at: -9 }] }],
        status: 404,
      },
    ],
  },
];

const GOOD = {
  event_type: "update",
  event_schema: "fs",
  table: "files",
  fields: ["path"],
  rows: [{ path: "/x", modified_time: 5 }],
  index: 7,
};
const without = (key: keyof typeof GOOD): object => {
  const { [key]: _, ...rest } = GOOD;
  return rest;
};

/** Bodies for POST /ingest and the status they get; the session exists. */
export const INGEST_BODIES: readonly { readonly name: string; readonly body: unknown; readonly status: 200 | 422 }[] = [
  { name: "no events", body: {}, status: 422 },
  { name: "events null", body: { events: null }, status: 422 },
  { name: "a list", body: [1], status: 422 },
  { name: "an unknown source type", body: { events: [], source_type: "zz" }, status: 200 },
  { name: "source type null", body: { events: [], source_type: null }, status: 422 },
  { name: "is_end as a word", body: { events: [], is_end: "yes" }, status: 200 },
  { name: "is_end null", body: { events: [], is_end: null }, status: 422 },
  { name: "is_end as another word", body: { events: [], is_end: "q" }, status: 422 },
  { name: "metadata as a number", body: { events: [], metadata: 5 }, status: 422 },
  { name: "a session id of another kind", body: { events: [], session_id: 7 }, status: 200 },
  { name: "an event that is a number", body: { events: [1] }, status: 422 },
  { name: "a good event", body: { events: [GOOD] }, status: 200 },
  { name: "an unknown member", body: { events: [{ ...GOOD, zzz: 1 }] }, status: 200 },
  { name: "a good and a bad event", body: { events: [GOOD, { ...GOOD, event_type: "zz" }] }, status: 422 },
  { name: "event_type in capitals", body: { events: [{ ...GOOD, event_type: "UPDATE" }] }, status: 422 },
  { name: "no event_type", body: { events: [without("event_type")] }, status: 422 },
  { name: "no event_schema", body: { events: [without("event_schema")] }, status: 422 },
  { name: "no table", body: { events: [without("table")] }, status: 422 },
  { name: "an empty table", body: { events: [{ ...GOOD, table: "" }] }, status: 200 },
  { name: "no fields", body: { events: [without("fields")] }, status: 422 },
  { name: "a field that is a number", body: { events: [{ ...GOOD, fields: [1] }] }, status: 422 },
  { name: "no rows", body: { events: [without("rows")] }, status: 422 },
  { name: "rows as an object", body: { events: [{ ...GOOD, rows: {} }] }, status: 422 },
  { name: "no index", body: { events: [without("index")] }, status: 200 },
  { name: "index as text", body: { events: [{ ...GOOD, index: "5" }] }, status: 200 },
  { name: "index 5.0", body: { events: [{ ...GOOD, index: 5.0 }] }, status: 200 },
  { name: "index 5.5", body: { events: [{ ...GOOD, index: 5.5 }] }, status: 422 },
  { name: "index null", body: { events: [{ ...GOOD, index: null }] }, status: 422 },
  { name: "an unknown message source", body: { events: [{ ...GOOD, message_source: "zz" }] }, status: 422 },
  { name: "message source null", body: { events: [{ ...GOOD, message_source: null }] }, status: 422 },
];
