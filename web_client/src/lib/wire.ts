/** What arrives on a data channel, as a typed message; anything that is no message is null, never an exception. */
import type { ServerEvent } from "./events";

export const SUBPROTOCOL = "liveconvo.v1";
export const EVENTS_CHANNEL_ID = 0;
export const LIVE_CHANNEL_ID = 1;

/** Unknown types pass: the reducer ignores them, so a newer server does not break an older page. */
export function decode(raw: unknown): ServerEvent | null {
  if (typeof raw !== "string") return null;
  try {
    const message: unknown = JSON.parse(raw);
    return isMessage(message) ? message : null;
  } catch {
    return null;
  }
}

function isMessage(message: unknown): message is ServerEvent {
  if (typeof message !== "object" || message === null) return false;
  const { type, at_ms } = message as Record<string, unknown>;
  return typeof type === "string" && typeof at_ms === "number";
}

/** The place of a message in the session's log; null for what is not logged. */
export function seqOf(event: ServerEvent): number | null {
  return "seq" in event && typeof event.seq === "number" ? event.seq : null;
}
