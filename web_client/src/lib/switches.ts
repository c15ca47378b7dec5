/**
 * What one has switched off oneself: one's voice (muted), and everybody else's (deafened).
 *
 * Rules:
 * - Switching off counts at once, on this side; switching on when the server says so, which may have been told
 *   otherwise by the host. So what is shown is never less than what is off.
 * - The server keeps it over a lost connection. What could not be sent meanwhile is said again (`again`).
 */
import type { SetAudio } from "./events";

export interface Switches {
  readonly muted: boolean;
  readonly deafened: boolean;
}

export const nothingOff: Switches = { muted: false, deafened: false };

/** `wanted` is what was last asked for here, `told` what the server says of oneself; null: nothing yet. */
export function switchedOff(wanted: Switches, told: { isMuted: boolean; isDeafened: boolean } | null): Switches {
  return { muted: wanted.muted || (told?.isMuted ?? false), deafened: wanted.deafened || (told?.isDeafened ?? false) };
}

/** What to say on a new connection; null: nothing. */
export function again(wanted: Switches): SetAudio | null {
  if (!wanted.muted && !wanted.deafened) return null;
  return { type: "audio.set", muted: wanted.muted || null, deafened: wanted.deafened || null };
}

type Key = Pick<KeyboardEvent, "altKey" | "ctrlKey" | "metaKey" | "shiftKey" | "repeat" | "code">;

/** Alt and a letter, so that nothing that is typed switches anything (WCAG 2.1.4). */
export function switchOf(key: Key): keyof Switches | null {
  if (!key.altKey || key.ctrlKey || key.metaKey || key.shiftKey || key.repeat) return null;
  if (key.code === "KeyM") return "muted";
  return key.code === "KeyS" ? "deafened" : null;
}
