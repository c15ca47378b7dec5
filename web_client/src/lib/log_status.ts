/** What to say while the server does not keep what is spoken. */
import type * as wire from "./events";

const NOTICES: Record<wire.LogStatus["state"], string | null> = {
  kept: null,
  late: "Text is held up: the server's disk does not answer.",
  full: "Nothing is written down now: the server has no room. You still hear each other.",
  failed: "Nothing is written down now: the server cannot use its disk. You still hear each other.",
};

/** null while all is well. A state that a newer server has and this page does not know is no good news either. */
export function logNotice(status: wire.LogStatus | null): string | null {
  if (status === null) return null;
  const notice = NOTICES[status.state];
  return notice === undefined ? NOTICES.failed : notice;
}
