/** What to do about a microphone that the server hears badly. */
import type * as wire from "./events";

const NOTICES: Record<wire.MicrophoneStateChanged["state"], string | null> = {
  ok: null,
  silent: "Nothing comes from your microphone. Is it switched on, and the right one?",
  clipping: "Your microphone is too loud: move it away, or turn its level down.",
  echoing: "The others hear themselves through your microphone. Use headphones, or turn your loudspeaker down.",
};

/** null while all is well, while one is muted on purpose, and for a state that this page does not know. */
export function microphoneNotice(heard: wire.MicrophoneStateChanged | null, isMuted: boolean): string | null {
  if (heard === null || (isMuted && heard.state === "silent")) return null;
  return NOTICES[heard.state] ?? null;
}
