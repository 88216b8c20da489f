/** Whether an address to listen at is reached from this machine alone. */
export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");
