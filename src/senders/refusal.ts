/** Settings that cannot work. What is wrong and what to do are apart in the details, for messages that join them otherwise. */
import { FustorError } from "../sdk/index.ts";

export const refusal = (what: string, cure: string): FustorError =>
  new FustorError("FUSTOR_CONFIG_INVALID", `${what}: ${cure}`, { details: { what, cure } });
