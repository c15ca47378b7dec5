/** How a person's line does, in words: for a mark beside the name, and for its owner when it is poor. */
import type { ParticipantQuality, QualityUpdated } from "./events";
import { percent } from "./format";

export interface Mark {
  /** 1 … 3: how many of the three bars are filled. */
  readonly bars: number;
  readonly text: string;
}

const MARKS: Readonly<Record<string, Mark>> = {
  good: { bars: 3, text: "Connection good" },
  fair: { bars: 2, text: "Connection fair" },
  poor: { bars: 1, text: "Connection poor" },
};
/** Shares of speech from which on they are worth a word. */
const NOTABLE = 0.01;
const CURE = "move closer to the router or use a cable.";

export function lineOf(quality: QualityUpdated | null, participantId: string | null): ParticipantQuality | null {
  return quality?.participants.find((one) => one.participant_id === participantId) ?? null;
}

/** null while nothing can be said, and for a rating that this page does not know. */
export function connectionMark(line: ParticipantQuality | null): Mark | null {
  const mark = line === null ? undefined : MARKS[line.rating];
  if (line === null || mark === undefined) return null;
  const figures = [
    said(line.concealed_ratio, "of the speech is lost"),
    said(line.heard_loss_ratio, "of what they should hear is lost"),
    line.rtt_ms === null ? "" : `${Math.round(line.rtt_ms)} ms there and back`,
  ].filter(Boolean);
  return { bars: mark.bars, text: [mark.text, ...figures].join(", ") };
}

/** What the owner of a poor line can do; null while it is not poor. */
export function connectionNotice(line: ParticipantQuality | null): string | null {
  if (line === null || line.rating !== "poor") return null;
  const spoken = line.concealed_ratio ?? 0;
  const heard = line.heard_loss_ratio ?? 0;
  if (Math.max(spoken, heard) < NOTABLE) return `Your connection is slow: others hear you late. To help, ${CURE}`;
  if (spoken >= heard) return `Your connection loses ${percent(spoken)} of your speech: ${CURE}`;
  return `Your connection loses ${percent(heard)} of what the others say: ${CURE}`;
}

function said(ratio: number | null, of: string): string {
  return ratio === null || ratio < NOTABLE ? "" : `${percent(ratio)} ${of}`;
}
