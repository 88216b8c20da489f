/**
 * The key of the container a key lies in: `/a/b` -> `/a`, `/a` -> `/`; undefined for `/` and for keys without a slash.
 */
export function parentKey(key: string): string | undefined {
  const slash = key.lastIndexOf("/");
  if (slash > 0) return key.slice(0, slash);
  return slash === 0 && key.length > 1 ? "/" : undefined;
}
