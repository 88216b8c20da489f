export function fetchKafka(): string;
