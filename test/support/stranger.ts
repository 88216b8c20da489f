/** Somebody else who talks to a Fusion's receiver: for views that hold what no agent of the test ever sent. */
import type { ReceiverAddress } from "./fusion-process.ts";

/** Rows of files, or paths to delete, as an agent on another machine would send them. */
export async function sayAsStranger(
  receiver: ReceiverAddress,
  said: { readonly files?: readonly string[]; readonly deleted?: readonly string[] },
): Promise<void> {
  const base = `${receiver.url}/api/v1/pipe`;
  const headers = { "X-API-Key": receiver.pushKey, "content-type": "application/json" };
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${base}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Record<string, unknown>;
  };
  const { session_id: id } = await post("/session/", { task_id: "stranger:pipe-1" });
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
  await fetch(`${base}/session/${id}`, { method: "DELETE" });
}
