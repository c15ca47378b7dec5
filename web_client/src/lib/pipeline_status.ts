/** What to say while the text does not keep up with speech. */
import type * as wire from "./events";

const NOTICES: Record<wire.PipelineStatus["level"], string | null> = {
  full: null,
  coalesced: "Text may lag: the server is busy.",
  finals_only: "Text comes a sentence at a time: the server is busy.",
  metrics_only: "The server is too busy to write everything down. What is missing is marked.",
};
const BEHIND_MS = 1_500;

/** null while the text keeps up. A level that a newer server has and this page does not know is no good news either. */
export function pipelineNotice(status: wire.PipelineStatus | null): string | null {
  if (status === null) return null;
  const notice = NOTICES[status.level];
  return notice === undefined ? NOTICES.coalesced : notice;
}

/** How far behind the text is, once one can notice it. */
export function lagText(status: wire.PipelineStatus | null): string | null {
  return status === null || status.lag_ms < BEHIND_MS ? null : `${Math.round(status.lag_ms / 1000)} s behind`;
}
