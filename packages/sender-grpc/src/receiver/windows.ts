/** The windows of a server's connections. grpc-js has an option for them that its server does not heed. */
import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import { WINDOW_BYTES } from "../wire.ts";

/** Of the library's own servers: without this member every connection has the 64 KiB of HTTP/2, and is slower. */
interface Inside {
  readonly http2Servers?: ReadonlyMap<Http2Server, unknown>;
}

function widen(session: ServerHttp2Session): void {
  session.settings({ initialWindowSize: WINDOW_BYTES });
  session.setLocalWindowSize(WINDOW_BYTES);
}

/** After the server has its ports or its injector. */
export function widenWindows(server: Server): void {
  for (const inner of (server as unknown as Inside).http2Servers?.keys() ?? []) inner.on("session", widen);
}
