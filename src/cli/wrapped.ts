/** Text for a terminal, broken at spaces. */

/** No narrower than this, whatever a terminal says of itself. */
const NARROWEST = 40;

/**
 * Lines of at most `columns` characters where the words allow it. The first begins with `head`, the others with as many
 * spaces.
 */
export function wrapped(text: string, columns: number, head = ""): string {
  const width = Math.max(columns, NARROWEST) - head.length;
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each, at) => `${at === 0 ? head : " ".repeat(head.length)}${each}`).join("\n");
}
