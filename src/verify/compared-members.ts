/** What of an entry arrives at the receiver as it is, given the pipe's `fields_mapping`. Pure. */
import { FIELD_TYPES, type FieldRule, type FieldType } from "../sdk/index.ts";
import { type ComparedMembers, EVERY_MEMBER } from "./difference.ts";

/** Types that leave a member as the row has it. */
const FAITHFUL: Readonly<Record<string, readonly FieldType[]>> = {
  path: ["string"],
  is_directory: ["boolean"],
  size: ["integer", "number"],
  modified_time: ["number"],
};

function isFaithful(rules: readonly FieldRule[], member: string): boolean {
  const last = rules.findLast(({ to }) => to === member);
  const source = last?.source[0];
  if (last === undefined || last.hardcodedValue !== undefined || source === undefined) return false;
  const [name, written] = source.split(":", 2);
  const type = written === undefined ? undefined : FIELD_TYPES.get(written);
  return name === member && (written === undefined || type === undefined || FAITHFUL[member]?.includes(type) === true);
}

/** Undefined when entries cannot be told apart at the receiver. */
export function comparedMembers(rules: readonly FieldRule[]): ComparedMembers | undefined {
  if (rules.length === 0) return EVERY_MEMBER;
  if (!isFaithful(rules, "path") || !isFaithful(rules, "is_directory")) return undefined;
  return { size: isFaithful(rules, "size"), modified: isFaithful(rules, "modified_time") };
}
