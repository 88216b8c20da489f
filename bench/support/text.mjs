/** Numbers for people. What is unknown is a dash. */

const digits = (value) => (value < 10 ? 2 : value < 100 ? 1 : 0);
const known = (format) => (value) => (value === undefined || Number.isNaN(value) ? "-" : format(value));

export const seconds = known((value) =>
  value < 0.9995 ? `${(value * 1000).toFixed(digits(value * 1000))} ms` : `${value.toFixed(digits(value))} s`,
);
export const milliseconds = known((value) => seconds(value / 1000));
export const megabytes = known((bytes) => `${(bytes / 1e6).toFixed(0)} MB`);
export const thousands = known((value) => Math.round(value).toLocaleString("en"));
export const times = known((value) => value.toFixed(2));
/** Of several rounds: the median, and from the least to the greatest. */
export const ratioText = known(({ median, least, most, rounds }) =>
  rounds === 1 ? `${times(median)} (one round)` : `${times(median)} (${times(least)} to ${times(most)})`,
);
