/** The paths that keys should have, told by a second way: from the list of all keys. */
const MARK = "\u201b";

function segment(text: string): string {
  if (text === "") return `${MARK}2F`;
  if (text === ".") return `${MARK}2E`;
  if (text === "..") return `${MARK}2E${MARK}2E`;
  return text
    .split(MARK)
    .join(MARK + MARK)
    .split("\0")
    .join(`${MARK}00`);
}

/** What a view should show: paths of directories, and of files with their sizes. */
export function expectedView(objects: ReadonlyMap<string, number>): Map<string, number | "directory"> {
  const view = new Map<string, number | "directory">([["/", "directory"]]);
  for (const key of objects.keys()) {
    const parts = key.split("/");
    for (let length = 1; length < parts.length; length++) {
      view.set(`/${parts.slice(0, length).map(segment).join("/")}`, "directory");
    }
  }
  for (const [key, size] of objects) {
    if (key.endsWith("/")) continue;
    const path = `/${key.split("/").map(segment).join("/")}`;
    view.set(view.get(path) === "directory" ? path + MARK : path, size);
  }
  return view;
}
