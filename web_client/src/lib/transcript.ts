/** The written conversation: final lines in the order of the log, and the words that are still being heard. */
import type * as wire from "./events";

export interface Line {
  readonly seq: number;
  readonly transcript_id: string;
  readonly participant_id: string;
  readonly speaker: string;
  readonly start_ms: number;
  readonly end_ms: number;
  /** Empty: it was said, and not transcribed (see `textOf`). */
  readonly text: string;
  readonly revision: number;
}

export type Partial = wire.TranscriptPartial;

const CLOSED_KEPT = 200;

/** What to read where something was said: its words, or that they are missing. */
export function textOf(line: { text: string; start_ms: number; end_ms: number | null }): string {
  if (line.text !== "") return line.text;
  const seconds = Math.max(1, Math.round(((line.end_ms ?? line.start_ms) - line.start_ms) / 1000));
  return `[not transcribed: ${seconds} s of speech]`;
}

/** A final without text closes its utterance; it leaves a line only if it is a marked gap. */
export function putLine(lines: readonly Line[], event: wire.TranscriptFinal): readonly Line[] {
  if ((event.text === "" && (event.failure ?? null) === null) || lines.some((line) => line.transcript_id === event.transcript_id)) return lines;
  const { seq, transcript_id, participant_id, speaker, start_ms, end_ms, text } = event;
  const line: Line = { seq, transcript_id, participant_id, speaker, start_ms, end_ms, text, revision: 0 };
  const position = lines.findLastIndex((other) => other.seq < seq) + 1;
  return lines.toSpliced(position, 0, line);
}

export function reviseLine(lines: readonly Line[], event: wire.TranscriptRevised): readonly Line[] {
  const { transcript_id, text, speaker, revision } = event;
  return lines.map((line) =>
    line.transcript_id === transcript_id && revision > line.revision ? { ...line, text, speaker, revision } : line,
  );
}

/** A partial without words takes the earlier one of its utterance away. */
export function putPartial(partials: readonly Partial[], event: Partial): readonly Partial[] {
  const known = partials.find((partial) => partial.utterance_id === event.utterance_id);
  if (known !== undefined && event.at_ms < known.at_ms) return partials;
  const others = partials.filter((partial) => partial !== known);
  if (event.stable === "" && event.unstable === "") return others;
  return [...others, event].sort((a, b) => a.start_ms - b.start_ms);
}

export function closeUtterance(closed: readonly string[], utteranceId: string): readonly string[] {
  return closed.includes(utteranceId) ? closed : [...closed, utteranceId].slice(-CLOSED_KEPT);
}
