/** What it means when Fusion does not show a view. */
import { FustorError, type FustorErrorCode } from "../../../sdk/index.ts";

export interface RefusedQuery {
  /** `host:port`. */
  readonly address: string;
  /** Undefined while it is not known which view the key opens. */
  readonly view: string | undefined;
  readonly status: number;
  /** One line without secrets, "" for none. */
  readonly detail: string;
  readonly retryAfterMs: number | undefined;
}

type Verdict = readonly [code: FustorErrorCode, retryable: boolean, text: string];

function verdictOf(status: number): Verdict {
  if (status === 401 || status === 403) {
    return ["FUSTOR_SENDER_KEY_REFUSED", false, "takes no such key; name a read key in driver_params.query.key"];
  }
  if (status === 404) {
    return ["FUSTOR_SENDER_BAD_ANSWER", false, "has no such view; name it in driver_params.query.view"];
  }
  if (status === 400) return ["FUSTOR_SENDER_BAD_ANSWER", false, "does not show the view"];
  if (status === 503) return ["FUSTOR_SENDER_BUSY", true, "does not show the view yet"];
  if (status === 429) return ["FUSTOR_SENDER_BUSY", true, "asks to wait"];
  if (status >= 500 || status === 408) return ["FUSTOR_SENDER_UNREACHABLE", true, "has trouble"];
  return ["FUSTOR_SENDER_BAD_ANSWER", false, "answers what a Fusion does not; is driver_params.query.endpoint right?"];
}

export function viewFailure({ address, view, status, detail, retryAfterMs }: RefusedQuery): FustorError {
  const [code, retryable, text] = verdictOf(status);
  const which = view === undefined ? "" : ` (view ${JSON.stringify(view)})`;
  const said = detail === "" ? "" : `: ${detail}`;
  return new FustorError(code, `${address}${which} ${text} (status ${status})${said}`, {
    retryable,
    details: { address, status },
    ...(code === "FUSTOR_SENDER_BUSY" && retryAfterMs !== undefined ? { retryAfterMs } : {}),
  });
}
