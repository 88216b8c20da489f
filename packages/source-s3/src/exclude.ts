/** Which keys are left out, by patterns of the same form as those of the fs source. Pure. */
const LITERAL = /[\\^$.*+?()[\]{}|/-]/g;

function expressionOf(written: string): string {
  const bare = written.replace(/^\//, "").replace(/\/$/, "");
  const isAnywhere = !bare.includes("/") && !written.startsWith("/");
  const body = bare
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => {
      if (part === "**/") return "(?:.*/)?";
      if (part === "**") return ".*";
      if (part === "*") return "[^/]*";
      return part === "?" ? "[^/]" : part.replace(LITERAL, "\\$&");
    })
    .join("");
  return `${isAnywhere ? "(?:^|/)" : "^"}${body}${written.endsWith("/") ? "/" : "(?:/|$)"}`;
}

/** Whether a key, relative to the prefix, is wanted. What lies below a key that is left out is left out, too. */
export function wantedBy(patterns: readonly string[]): (key: string) => boolean {
  if (patterns.length === 0) return () => true;
  const expression = new RegExp(patterns.map((each) => `(?:${expressionOf(each)})`).join("|"), "su");
  return (key) => !expression.test(key);
}
