/** What the coach says: at most three cards at a time, each until it expires, is withdrawn or is answered. */
import type * as wire from "./events";

export interface Guidance {
  readonly seq: number;
  readonly guidance_id: string;
  readonly guidance_type: wire.GuidanceShown["guidance_type"];
  readonly priority: number;
  readonly content: string;
  readonly evidence: readonly wire.Evidence[];
  readonly cue: string;
  readonly at_ms: number;
  readonly expires_at_ms: number;
  readonly isWithdrawn: boolean;
  readonly feedback: FeedbackAction | null;
}

export type FeedbackAction = wire.SendGuidanceFeedback["action"];

export const VISIBLE_CARDS = 3;
const CARDS_KEPT = 100;

export function showGuidance(cards: readonly Guidance[], event: wire.GuidanceShown): readonly Guidance[] {
  if (cards.some((card) => card.guidance_id === event.guidance_id)) return cards;
  const { seq, guidance_id, guidance_type, priority, content, evidence, cue, at_ms, expires_at_ms } = event;
  const card: Guidance = {
    seq, guidance_id, guidance_type, priority, content, evidence, cue, at_ms, expires_at_ms,
    isWithdrawn: false, feedback: null,
  };
  return [...cards, card].slice(-CARDS_KEPT);
}

/** A withdrawn card stays known, so that a replayed `guidance.shown` does not bring it back. */
export function withdrawGuidance(cards: readonly Guidance[], guidanceId: string): readonly Guidance[] {
  return cards.map((card) => (card.guidance_id === guidanceId ? { ...card, isWithdrawn: true } : card));
}

export function giveFeedback(
  cards: readonly Guidance[],
  guidanceId: string,
  feedback: FeedbackAction,
): readonly Guidance[] {
  return cards.map((card) => (card.guidance_id === guidanceId ? { ...card, feedback } : card));
}

/** The cards to show at a media time, most urgent first, the newest first among equals. */
export function visibleGuidance(cards: readonly Guidance[], mediaTimeMs: number): readonly Guidance[] {
  return cards
    .filter((card) => isVisible(card, mediaTimeMs))
    .sort((a, b) => a.priority - b.priority || b.seq - a.seq)
    .slice(0, VISIBLE_CARDS);
}

function isVisible(card: Guidance, mediaTimeMs: number): boolean {
  const isAnswered = card.feedback === "dismissed" || card.feedback === "irrelevant";
  return !card.isWithdrawn && !isAnswered && card.expires_at_ms > mediaTimeMs;
}
