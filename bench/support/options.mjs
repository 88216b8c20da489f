/** Options of the command line: what a suite cannot use is said before anything is measured. */
export class UsageError extends Error {}

export function numberOption(values, name, least) {
  const number = Number(values[name]);
  if (!Number.isFinite(number) || number < least)
    throw new UsageError(`--${name} takes a number of at least ${least}, not "${values[name]}"`);
  return number;
}

/** Whether a name holds one of the words of `--only`; without the option every name does. A word that no name holds is an error. */
export function chosenBy(only, names) {
  const words = (only ?? "").toLowerCase().split(",").filter(Boolean);
  const vain = words.find((word) => !names.some((name) => name.toLowerCase().includes(word)));
  if (vain !== undefined) throw new UsageError(`--only: nothing is called "${vain}"; there are ${names.join(", ")}`);
  return (name) => words.length === 0 || words.some((word) => name.toLowerCase().includes(word));
}

/** One or more words, separated by commas, out of `allowed`. */
export function textOption(values, name, allowed) {
  const words = values[name].split(",");
  const wrong = words.find((word) => !allowed.includes(word));
  if (wrong !== undefined) throw new UsageError(`--${name} takes ${allowed.join(", ")}, not "${wrong}"`);
  return words;
}
