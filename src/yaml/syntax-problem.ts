import type { YAMLError } from "yaml";

/**
 * What to tell about a syntax error. The parser's own texts quote the file, which may be the line with the key in it,
 * so they are not used.
 */
export function syntaxProblem(error: YAMLError, text: string): readonly [what: string, cure: string] {
  switch (error.code) {
    case "DUPLICATE_KEY": {
      const name = /^["']?([\w.-]{1,64})["']?\s*:/.exec(text.slice(error.pos[0], error.pos[0] + 80))?.[1];
      return [`the key ${name === undefined ? "" : `"${name}" `}appears twice in one block`, "keep one of them"];
    }
    case "TAB_AS_INDENT":
      return ["a tab is used as indentation", "use spaces"];
    case "BAD_INDENT":
    case "BLOCK_IN_FLOW":
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
      return [
        "the indentation does not fit or a colon is out of place",
        "align the line with its block and quote values that hold ': '",
      ];
    case "MISSING_CHAR":
      return ["a quote, bracket, comma or space is missing", "close what was opened"];
    case "BAD_ALIAS":
    case "ALIAS_PROPS":
      return ["an alias (*name) refers to no anchor", "define the anchor (&name) above it, or quote the value"];
    case "BAD_SCALAR_START":
      return ["a value begins with a reserved character", "put the value in quotes"];
    case "BAD_DQ_ESCAPE":
      return ["a backslash in double quotes begins no known escape", "use single quotes or write \\\\"];
    case "TAG_RESOLVE_FAILED":
      return ["a tag (!name) is not known", "remove it, or put the value in quotes"];
    case "MULTIPLE_DOCS":
      return ["the file holds several documents (---)", "keep one document per file"];
    case "RESOURCE_EXHAUSTION":
      return ["the text is nested too deeply", "write it as a plain YAML file"];
    default:
      return ["is not valid YAML", "look at this line and the one above it: quotes, colons, indentation"];
  }
}
