/**
 * Imported before everything else: with a listener for SIGUSR1 Node does not open its debugger on that signal, which
 * any local user could connect to and run code as the agent's user. Programs that rotate logs send SIGUSR1 out of
 * habit. https://nodejs.org/api/process.html#signal-events
 */
process.on("SIGUSR1", () => undefined);
