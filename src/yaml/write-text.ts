/** Plain values as YAML text that {@link parseTree} reads back as the same values. */
import { stringify } from "yaml";

export const yamlText = (content: unknown): string =>
  stringify(content, { lineWidth: 0, aliasDuplicateObjects: false, defaultStringType: "PLAIN", merge: true });
