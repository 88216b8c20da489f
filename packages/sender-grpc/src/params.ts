/** `driver_params` of the sender: README.md lists them. */
import { text, wholeNumber, z } from "fustor-agent/sdk";

export const absolute = text.refine((path) => path.startsWith("/"), {
  error: "is not an absolute path; begin it with /",
});

export const grpcParams = z.object({
  /** Of the certificates that alone are trusted. */
  ca_file: absolute.optional(),
  /** Of the receiver's certificate, where it is another one than that of `uri`. */
  server_name: text.optional(),
  /** Seconds without traffic after which the connection is tried. */
  keepalive_sec: wholeNumber(1, 3600).default(10),
});

export type GrpcParams = z.output<typeof grpcParams>;
