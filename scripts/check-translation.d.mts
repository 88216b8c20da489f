export function sectionsOf(text: string): { title: string; hash: string }[];
export function staleSections(english: string, translation: string): string[];
export function renewed(english: string, translation: string): string;
