/** `driver_params`: README.md lists them. */
import { duration, text, z } from "fustor-agent/sdk";

const absolute = text.refine((path) => path.startsWith("/"), { error: "is not an absolute path; begin it with /" });
const header = text.refine((name) => /^[A-Za-z][A-Za-z0-9-]*$/.test(name), {
  error: "is no name of a header; write one such as X-API-Key",
});

export const openApiParams = z.object({
  /** An operationId, a path such as /ingest-batch, or (all but the first) `none`. */
  ingest: text.optional(),
  status: text.optional(),
  session: text.optional(),
  heartbeat: text.optional(),
  /** The base address, instead of `servers` of the document. */
  server: text.optional(),
  key_header: header.optional(),
  ca_file: absolute.optional(),
  proxy: text.optional(),
  /** For sessions that ask for none, and of a service that grants none. */
  session_timeout_seconds: duration.default(30),
});

export type OpenApiParams = z.output<typeof openApiParams>;
