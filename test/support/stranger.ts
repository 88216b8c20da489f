/** Somebody else who talks to a Fusion's receiver: for views that hold what no agent of the test ever sent. */
import type { ReceiverAddress } from "./fusion-process.ts";

type Post = (path: string, body: object) => Promise<Record<string, unknown>>;

function poster(receiver: ReceiverAddress): Post {
  const headers = { "X-API-Key": receiver.pushKey, "content-type": "application/json" };
  return async (path, body) => {
    const url = `${receiver.url}/api/v1/pipe${path}`;
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Record<string, unknown>;
  };
}

const TASK = { task_id: "stranger:pipe-1" };

const endSession = async ({ url, pushKey }: ReceiverAddress, id: unknown): Promise<void> => {
  await fetch(`${url}/api/v1/pipe/session/${id}`, { method: "DELETE", headers: { "X-API-Key": pushKey } });
};

/**
 * Opens a session that is never heard of again: as long as it is there Fusion does not empty its view. It has a day, unless the
 * function that is returned ends it.
 */
export async function keepViewAlive(receiver: ReceiverAddress): Promise<() => Promise<void>> {
  const { session_id: id } = await poster(receiver)("/session/", { ...TASK, session_timeout_seconds: 86_400 });
  return () => endSession(receiver, id);
}

/** Rows of files, or paths to delete, as an agent on another machine would send them. */
export async function sayAsStranger(
  receiver: ReceiverAddress,
  said: { readonly files?: readonly string[]; readonly deleted?: readonly string[] },
): Promise<void> {
  const post = poster(receiver);
  const { session_id: id } = await post("/session/", TASK);
  const event = (event_type: string, rows: readonly object[]): object => {
    const shape = { event_schema: "fs", table: "files", message_source: "realtime", index: Date.now() };
    return { event_type, ...shape, fields: Object.keys(rows[0] ?? {}), rows };
  };
  const now = Date.now() / 1000;
  const files = (said.files ?? []).map((path) => {
    const times = { modified_time: now, created_time: now };
    return { path, file_name: path.slice(path.lastIndexOf("/") + 1), size: 1, is_directory: false, ...times };
  });
  const deleted = (said.deleted ?? []).map((path) => ({ path }));
  const events = [
    ...(files.length > 0 ? [event("update", files)] : []),
    ...(deleted.length > 0 ? [event("delete", deleted)] : []),
  ];
  await post(`/ingest/${id}/events`, { events, source_type: "message", is_end: false });
  await endSession(receiver, id);
}
