/** What a route of the admin API is: its address, what it takes, what it answers. The document is made of the same. */
import { z } from "zod";
import type { AdminPort } from "./admin-port.ts";
import type { Feed } from "./event-stream.ts";

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  /** Done once the answer is out. */
  readonly afterwards?: () => void;
}

export type Answer = Reply | { readonly stream: Feed };

export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** As the route's schema let it through. */
  readonly body: unknown;
  readonly port: AdminPort;
  /** Of a stream that goes on. */
  readonly lastEventId: string | undefined;
}

export interface Route {
  readonly method: "get" | "post";
  /** Below `/api/v1`, with `{name}` for what `params` checks. */
  readonly path: string;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** What the request has to bring. Absent: everything is said by the address. */
  readonly body?: { readonly schema: z.ZodType; readonly mostBytes: number };
  /** What is answered when all is well. A stream has events instead. */
  readonly answer?: { readonly status: number; readonly schema: z.ZodType };
  readonly events?: string;
  /** Further codes of errors than those that every route has. */
  readonly refusals?: readonly (404 | 409 | 422)[];
  /** Only over the control socket: its caller may write the files of the configuration as well. */
  readonly isForOwner?: boolean;
  /** May take as long as the change takes: minutes. */
  readonly isLong?: boolean;
  handle(call: Call): Answer | Promise<Answer>;
}

type Parsed<S extends z.ZodObject | undefined> = S extends z.ZodObject ? z.output<S> : Record<string, never>;

type TypedRoute<P extends z.ZodObject | undefined, Q extends z.ZodObject | undefined> = Omit<
  Route,
  "params" | "query" | "handle"
> & {
  readonly params?: P;
  readonly query?: Q;
  handle(
    call: Omit<Call, "params" | "query"> & { readonly params: Parsed<P>; readonly query: Parsed<Q> },
  ): Answer | Promise<Answer>;
};

/** A route whose handler gets what its own schemas have let through. */
export const route = <P extends z.ZodObject | undefined = undefined, Q extends z.ZodObject | undefined = undefined>(
  typed: TypedRoute<P, Q>,
): Route => typed as unknown as Route;

export const done = (body: unknown): Reply => ({ status: 200, body });

/** `code` is for programs, `message` for people. */
export const refused = (status: number, code: string, message: string): Reply => ({
  status,
  body: { error: { code, message } },
});

export const noPipe = (pipe: string): Reply =>
  refused(404, "pipe_unknown", `the agent runs no pipe ${JSON.stringify(pipe)}`);

export const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
