/** The receiver driver grpc of the embedded Fusion: agents with the sender grpc send to it. */
import { receiverModule, wholeNumber, z } from "fustor-agent/sdk";
import { absolute } from "../params.ts";
import { openServer } from "./server.ts";

const file = absolute.optional();

const shape = {
  /** PEM: the certificate, with those between it and the authority. Absent: no TLS. */
  cert_file: file,
  key_file: file,
  /** PEM: only clients with a certificate of these authorities may connect. */
  client_ca_file: file,
  keepalive_sec: wholeNumber(1, 3600).default(30),
};

const params = z
  .strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `has the unknown key ${JSON.stringify(issue.keys[0])}; use ${Object.keys(shape).join(", ")}`
        : "is no set of keys; write cert_file: /path below it, for instance",
  })
  .refine(({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined), {
    error: "has one of cert_file and key_file; write both, or none",
  })
  .refine(({ cert_file, client_ca_file }) => client_ca_file === undefined || cert_file !== undefined, {
    error: "has client_ca_file without cert_file; write a certificate, too",
  });

export type ReceiverParams = z.output<typeof params>;

export default receiverModule({
  kind: "receiver",
  name: "grpc",
  schema: params,
  open: openServer,
});
