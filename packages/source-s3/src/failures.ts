/** What a store refuses, as an error of the contract that says what to do. */
import { describeError, FustorError, isFustorError } from "fustor-agent/sdk";
import { parseError, type StoreError } from "./list-page.ts";

export const unavailable = (
  message: string,
  { isLasting = false, retryAfterMs, cause }: FailureFacts = {},
): FustorError =>
  new FustorError("FUSTOR_SOURCE_UNAVAILABLE", message, {
    retryable: !isLasting,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(cause === undefined ? {} : { cause }),
  });

interface FailureFacts {
  /** The same request fails again. */
  readonly isLasting?: boolean;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** The store asks for fewer requests. */
export class SlowDown extends Error {
  override readonly name = "SlowDown";
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs: number | undefined) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

const CURES: Readonly<Record<string, string>> = {
  NoSuchBucket: "correct the bucket in uri, or the endpoint",
  InvalidAccessKeyId: "correct user in credential, or AWS_ACCESS_KEY_ID",
  SignatureDoesNotMatch:
    "correct passwd in credential, or AWS_SECRET_ACCESS_KEY; the region or a proxy may be the reason, too",
  ExpiredToken: "renew session_token or AWS_SESSION_TOKEN, and start the agent again",
  InvalidToken: "correct session_token or AWS_SESSION_TOKEN",
  SecondLevelDomainForbidden: "set addressing: virtual",
  PathStyleDomainForbidden: "set addressing: virtual",
};

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly header: (name: string) => string | null;
}

export interface AskedFor {
  readonly host: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly region: string;
  /** Takes secrets out. */
  readonly hide: (text: string) => string;
}

/** A redirect, or the refusal of a signature for another region: the region that the store names. */
export function regionIn({ status, text, header }: Answer): string | undefined {
  const error = parseError(text);
  const isElsewhere = (status >= 300 && status < 400) || error?.code === "AuthorizationHeaderMalformed";
  if (!isElsewhere) return undefined;
  const region =
    header("x-amz-bucket-region") ?? error?.region ?? /expecting '([a-z0-9-]+)'/.exec(error?.message ?? "")?.[1];
  return region === undefined || !/^[a-z0-9-]{2,40}$/.test(region) ? undefined : region;
}

const skewOf = (header: Answer["header"], nowMs: number): string => {
  const theirs = Date.parse(header("date") ?? "");
  if (Number.isNaN(theirs)) return "this machine's clock and the store's differ too much";
  const seconds = Math.round((nowMs - theirs) / 1000);
  return `the clock of this machine is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} that of the store`;
};

export function refusal(answer: Answer, asked: AskedFor, nowMs: number): FustorError {
  const error = parseError(answer.text);
  const where = `${asked.host}, bucket ${asked.bucket}`;
  const because = (what: string): FustorError => unavailable(asked.hide(`${where}: ${what}`), { isLasting: true });
  if (error?.code === "RequestTimeTooSkewed") {
    return because(`${skewOf(answer.header, nowMs)}; set the clock right (NTP)`);
  }
  if (answer.status >= 300 && answer.status < 400) return because(elsewhere(answer, error, asked));
  if (answer.status === 403 && (error === undefined || error.code === "AccessDenied")) {
    return because(
      `listing ${asked.prefix === "" ? "the bucket" : `the prefix ${asked.prefix}`} is not allowed (403 AccessDenied); ` +
        "allow s3:ListBucket on the bucket (OSS: oss:ListObjects) for this prefix to the user of these keys",
    );
  }
  if (error === undefined) return because(`the store answered ${answer.status}; is the endpoint right?`);
  const cure = CURES[error.code];
  return because(
    `${answer.status} ${error.code}: ${error.message.slice(0, 200)}${cure === undefined ? "" : `; ${cure}`}`,
  );
}

function elsewhere(answer: Answer, error: StoreError | undefined, asked: AskedFor): string {
  const region = regionIn(answer);
  const endpoint = error?.endpoint ?? answer.header("location") ?? undefined;
  const where = [
    region === undefined ? undefined : `in the region ${region}`,
    endpoint === undefined ? undefined : `at ${describeError(endpoint)}`,
  ].filter((each) => each !== undefined);
  const named = where.length === 0 ? "elsewhere" : where.join(", ");
  return `the bucket is ${named}, not in ${asked.region}; set region and endpoint to its own`;
}

/** What happened on the way, as an error of the contract. */
export function failureOnTheWay(error: unknown, asked: AskedFor): FustorError {
  if (isFustorError(error)) return error;
  if (error instanceof SlowDown) {
    return unavailable(
      `${asked.host}, bucket ${asked.bucket}: ${error.message}; raise interval_sec or lower parallel`,
      {
        retryAfterMs: error.retryAfterMs,
      },
    );
  }
  const what = error instanceof Error && error.name === "TimeoutError" ? "no answer in time" : describeError(error);
  return unavailable(asked.hide(`${asked.host}, bucket ${asked.bucket}: ${what}`));
}
