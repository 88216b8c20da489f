/** `driver_params` of the fusion sender: docs/config.md lists them with their defaults. */
import { z } from "zod";
import { duration, switchOf, text, wholeNumber } from "../../sdk/values.ts";

/** `gzip: false` means what it says. */
const gzipOf = (value: unknown): unknown => {
  const on = switchOf(value);
  if (typeof on !== "boolean") return value;
  return on ? "auto" : "never";
};

const queryShape = {
  endpoint: text.optional(),
  key: text.optional(),
  view: text.optional(),
  proxy: text.optional(),
};

/** How the view is read that the rows go to: for `verify`. */
const queryParams = z.strictObject(queryShape, {
  error: (issue) =>
    issue.code === "unrecognized_keys"
      ? `has the unknown key ${JSON.stringify(issue.keys[0])}; use ${Object.keys(queryShape).join(", ")}`
      : "is no set of keys; write endpoint: http://localhost:8101 below it, for instance",
});

export const fusionParams = z.object({
  timeout: duration.optional(),
  ca_file: text
    .refine((path) => path.startsWith("/"), { error: "is not an absolute path; begin it with /" })
    .optional(),
  proxy: text.optional(),
  gzip: z
    .preprocess(gzipOf, z.enum(["auto", "never"], { error: "is neither auto nor never; write auto or never" }))
    .default("auto"),
  batch_bytes: wholeNumber(1).optional(),
  event_rows: wholeNumber(1, 100_000).optional(),
  query: queryParams.optional(),
});

/** Keys of the Python agent that change nothing here. */
export const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  api_version: "Fusion has one way to take rows, the one under /api/v1/pipe",
};

export type FusionParams = z.output<typeof fusionParams>;
export type QueryParams = z.output<typeof queryParams>;
