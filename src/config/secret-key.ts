/** Which keys hold something that is never shown, whatever a driver calls it. */
const SECRET = /pass|pwd|secret|token|credential|key$|auth|cookie|signature|header/i;

/** `key` in any spelling: `api_key`, `apiKey`, `x-api-key`. */
export const isSecretKey = (key: string): boolean => SECRET.test(key);
