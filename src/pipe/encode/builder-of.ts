import type { PipeParts } from "../pipe-options.ts";
import { EnvelopeBuilder } from "./envelope-builder.ts";
import { FieldMapper } from "./field-mapper.ts";

/** The builder of a pipe's envelopes. `suggestSnapshot`: asked with each envelope. */
export function builderOf(parts: PipeParts, suggestSnapshot: () => boolean): EnvelopeBuilder {
  const { settings, source, ambience, logger, compileMapping } = parts;
  const mapper = new FieldMapper(settings.fieldsMapping, (target) =>
    logger.warn({ target }, "a target of fields_mapping lies below one that holds a plain value: it is left out"),
  );
  return new EnvelopeBuilder({
    schema: source.schema,
    table: source.table,
    fields: source.fields,
    mapper,
    ...(compileMapping === undefined ? {} : { compileMapping }),
    eventRows: settings.eventRows,
    wallClock: () => ambience.wallClock(),
    suggestSnapshot,
  });
}
