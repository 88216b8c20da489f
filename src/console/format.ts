/** Numbers for people. */
export const DASH = "–";

export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

export const rateText = (value: number): string =>
  value >= 100 || Number.isInteger(value) ? count(value) : value.toFixed(1);

export const megabytes = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`;

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function byteText(bytes: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[power]}`;
}

const UNITS: readonly (readonly [number, string])[] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

/** The two largest units: `2 h 5 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = UNITS.map(([size, unit], at) => {
    const above = UNITS[at - 1]?.[0];
    return { value: Math.floor((above === undefined ? seconds : seconds % above) / size), unit };
  });
  const first = parts.findIndex(({ value }) => value > 0);
  const shown = first === -1 ? parts.slice(-1) : parts.slice(first, first + 2).filter(({ value }) => value > 0);
  return shown.map(({ value, unit }) => `${value} ${unit}`).join(" ");
}

export const milliseconds = (value: number | undefined): string =>
  value === undefined ? DASH : value < 10_000 ? `${count(value)} ms` : duration(value);

export const clock = (at: string | number): string => new Date(at).toLocaleTimeString("en-GB");
