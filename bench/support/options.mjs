/** Options of the command line: what a suite cannot use is said before anything is measured. */
export class UsageError extends Error {}

export function numberOption(values, name, least) {
  const number = Number(values[name]);
  if (!Number.isFinite(number) || number < least)
    throw new UsageError(`--${name} takes a number of at least ${least}, not "${values[name]}"`);
  return number;
}

/** Whether a name holds one of the words of `--only`; without the option every name does. */
export function chosenBy(only) {
  const words = (only ?? "").toLowerCase().split(",").filter(Boolean);
  return (name) => words.length === 0 || words.some((word) => name.toLowerCase().includes(word));
}

/** One or more words, separated by commas, out of `allowed`. */
export function textOption(values, name, allowed) {
  const words = values[name].split(",");
  const wrong = words.find((word) => !allowed.includes(word));
  if (wrong !== undefined) throw new UsageError(`--${name} takes ${allowed.join(", ")}, not "${wrong}"`);
  return words;
}
