/** The echo driver: logs what it gets instead of sending it. */
import { z } from "zod";
import { senderModule } from "../../sdk/index.ts";
import { duration } from "../../sdk/values.ts";
import { EchoSender } from "./echo-sender.ts";

export const echoDriver = senderModule({
  kind: "sender",
  name: "echo",
  aliases: [],
  defaultUri: "echo:",
  schema: z.object({
    mock_role: z.enum(["leader", "follower"], { error: "is no role; write leader or follower" }).default("leader"),
    /** For sessions that ask for none. */
    session_timeout_seconds: duration.default(30),
  }),
  create: async (context, { params }) =>
    new EchoSender(context, {
      mockRole: params.mock_role,
      sessionTimeoutSeconds: params.session_timeout_seconds,
    }),
});
