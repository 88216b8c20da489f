import { expect } from "vitest";
import type { EventSpec, Lane, RowSpec, Scenario, Step } from "./scenarios.ts";

/** A Fusion under test with the configuration of the scenarios. */
export interface ScenarioTarget {
  readonly viewUrl: string;
  readonly receiverUrl: string;
  /** Seconds since 1970 by the clock that counts there. */
  now(): number;
  /** Lets so much time pass there. */
  wait(seconds: number): Promise<void>;
  /** Until everything posted has been applied. */
  settle(): Promise<void>;
}

const LANES: Readonly<Record<Lane, { readonly push: string; readonly view: string; readonly read: string }>> = {
  unified: { push: "push-key", view: "unified-view", read: "read-key" },
  lock: { push: "lock-key", view: "lock-view", read: "lock-read" },
  limit: { push: "limit-key", view: "limit-view", read: "limit-read" },
  same: { push: "same-key", view: "same-id", read: "same-read" },
};

interface Node {
  readonly path: string;
  readonly content_type: string;
  readonly size: number;
  readonly modified_time: number;
  readonly integrity_suspect: boolean;
  readonly children?: readonly Node[];
}

/** Plays a scenario and leaves the target as it was: all its sessions are closed at the end. */
export async function runScenario(target: ScenarioTarget, scenario: Scenario): Promise<void> {
  const player = new Player(target);
  try {
    let number = 0;
    for (const step of scenario.steps) await player.play(step, `step ${++number} (${step.do})`);
  } finally {
    await player.closeAll();
  }
}

/** The status that an ingest body gets. */
export async function postBody(target: ScenarioTarget, body: unknown): Promise<number> {
  const base = `${target.receiverUrl}/api/v1/pipe`;
  const headers = { "content-type": "application/json", "x-api-key": "push-key" };
  const opened = await fetch(`${base}/session/`, {
    method: "POST",
    headers,
    body: JSON.stringify({ task_id: "bodies" }),
  });
  const { session_id: id } = (await opened.json()) as { session_id: string };
  const answer = await fetch(`${base}/ingest/${id}/events`, { method: "POST", headers, body: JSON.stringify(body) });
  await answer.text();
  await fetch(`${base}/session/${id}`, { method: "DELETE", headers });
  return answer.status;
}

class Player {
  readonly #target: ScenarioTarget;
  readonly #base: number;
  readonly #sessions = new Map<string, string>();
  readonly #keys = new Map<string, string>();

  constructor(target: ScenarioTarget) {
    this.#target = target;
    this.#base = target.now();
  }

  async play(step: Step, label: string): Promise<void> {
    switch (step.do) {
      case "open":
        return this.#open(step, label);
      case "beat":
        return this.#beat(step, label);
      case "close": {
        const answer = await this.#call("DELETE", this.#sessionUrl(step.as), undefined, this.#keyOf(step.as));
        expect(answer.status, label).toBe(200);
        return;
      }
      case "post":
        return this.#post(step, label);
      case "tree":
        return this.#tree(step, label);
      case "ask":
        return this.#ask(step, label);
      case "wait":
        return this.#target.wait(step.seconds);
    }
  }

  async closeAll(): Promise<void> {
    for (const [id, key] of this.#keys) {
      await this.#call("DELETE", `${this.#target.receiverUrl}/api/v1/pipe/session/${id}`, undefined, key);
    }
    await this.#target.settle();
  }

  async #open(step: Step & { do: "open" }, label: string): Promise<void> {
    const { push } = LANES[step.lane ?? "unified"];
    const body = {
      task_id: `${step.as}:task`,
      ...(step.timeout === undefined ? {} : { session_timeout_seconds: step.timeout }),
    };
    const answer = await this.#call("POST", `${this.#target.receiverUrl}/api/v1/pipe/session/`, body, push);
    expect(answer.status, label).toBe(step.status ?? 200);
    if (answer.status !== 200) return;
    const { session_id: id, role, session_timeout_seconds: timeout } = answer.json as Record<string, unknown>;
    if (step.role !== undefined) expect(role, label).toBe(step.role);
    if (step.timeout !== undefined) expect(timeout, label).toBe(step.timeout);
    this.#sessions.set(step.as, String(id));
    this.#keys.set(String(id), push);
  }

  async #beat(step: Step & { do: "beat" }, label: string): Promise<void> {
    const answer = await this.#call(
      "POST",
      `${this.#sessionUrl(step.as)}/heartbeat`,
      { can_realtime: true },
      this.#keyOf(step.as),
    );
    expect(answer.status, label).toBe(step.status ?? 200);
    if (answer.status !== 200) return;
    const { status, role, commands } = answer.json as {
      status: string;
      role: string;
      commands: { type: string; path: string }[];
    };
    expect(status, label).toBe("ok");
    if (step.role !== undefined) expect(role, label).toBe(step.role);
    if (step.commands !== undefined)
      expect(
        commands.map(({ type, path }) => `${type} ${path}`),
        label,
      ).toEqual(step.commands);
  }

  async #post(step: Step & { do: "post" }, label: string): Promise<void> {
    const url = `${this.#target.receiverUrl}/api/v1/pipe/ingest/${this.#sessions.get(step.as)}/events`;
    const body = {
      events: (step.events ?? []).map((event) => this.#event(event)),
      source_type: step.type,
      is_end: step.end ?? false,
      ...(step.metadata === undefined ? {} : { metadata: step.metadata }),
    };
    const answer = await this.#call("POST", url, body, this.#keyOf(step.as));
    expect(answer.status, label).toBe(step.status ?? 200);
    if (step.body !== undefined) expect(answer.json, label).toEqual(step.body);
    await this.#target.settle();
  }

  async #tree(step: Step & { do: "tree" }, label: string): Promise<void> {
    const { view, read } = LANES[step.lane ?? "unified"];
    const answer = await this.#call(
      "GET",
      `${this.#target.viewUrl}/api/v1/views/${view}/tree?path=/&recursive=true`,
      undefined,
      read,
    );
    expect(answer.status, label).toBe(step.status ?? 200);
    if (step.is !== undefined) expect([...this.#lines(answer.json as Node)].sort(), label).toEqual([...step.is].sort());
  }

  async #ask(step: Step & { do: "ask" }, label: string): Promise<void> {
    const base = step.port === "views" ? this.#target.viewUrl : this.#target.receiverUrl;
    const answer = await this.#call(step.method, `${base}${step.path}`, step.json, step.key);
    expect(answer.status, `${label} ${JSON.stringify(answer.json)}`).toBe(step.status);
    if (step.body !== undefined) expect(answer.json, label).toEqual(step.body);
    if (step.detail !== undefined) expect(answer.json, label).toEqual({ detail: step.detail });
  }

  #event({ op, from, rows }: EventSpec): object {
    const wire = rows.map((row) => this.#row(row, op === "delete"));
    return {
      event_type: op ?? "update",
      event_schema: "fs",
      table: "files",
      fields: Object.keys(wire[0] ?? {}),
      rows: wire,
      index: Math.round(this.#target.now() * 1000),
      message_source: from,
    };
  }

  #row(row: RowSpec, isDelete: boolean): Record<string, unknown> {
    const time = row.at === undefined ? {} : { modified_time: this.#base + row.at };
    if (isDelete) return { path: row.path, ...time };
    const slash = row.path.lastIndexOf("/");
    const parent = { parent_path: row.path.slice(0, slash) || "/", parent_mtime: this.#base + (row.parentAt ?? 0) };
    return {
      path: row.path,
      file_name: row.path.slice(slash + 1),
      size: row.size ?? 0,
      ...time,
      created_time: this.#base,
      is_directory: row.dir ?? false,
      ...(row.parentAt === undefined ? {} : parent),
      ...row.plus,
    };
  }

  *#lines(node: Node): Generator<string> {
    const time = node.modified_time === 0 ? "-" : String(Math.round(node.modified_time - this.#base) || 0);
    const slash = node.content_type === "directory" && node.path !== "/" ? "/" : "";
    yield `${node.path}${slash} ${node.size} @${time}${node.integrity_suspect ? " suspect" : ""}`;
    for (const child of node.children ?? []) yield* this.#lines(child);
  }

  /** Agents send their key with every request; only the embedded Fusion asks for it in those of a session. */
  #keyOf(as: string): string | undefined {
    return this.#keys.get(this.#sessions.get(as) ?? "");
  }

  #sessionUrl(as: string): string {
    return `${this.#target.receiverUrl}/api/v1/pipe/session/${this.#sessions.get(as)}`;
  }

  async #call(method: string, url: string, json?: unknown, key?: string): Promise<{ status: number; json: unknown }> {
    const headers: Record<string, string> = json === undefined ? {} : { "content-type": "application/json" };
    if (key !== undefined) headers["x-api-key"] = key;
    const body = json === undefined ? null : JSON.stringify(json);
    const response = await fetch(url, { method, headers, body, redirect: "manual" });
    const text = await response.text();
    return { status: response.status, json: text === "" ? null : JSON.parse(text) };
  }
}
