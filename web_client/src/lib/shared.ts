/** A report that somebody shared, as the parts of the page take it. */
import { actionText } from "./markdown";
import { clock } from "./format";
import type { SharedReport, TranscriptItem } from "./types";

/** The lines, which come without ids. */
export function linesOf(report: SharedReport): readonly TranscriptItem[] {
  return (report.transcript ?? []).map((line, index) => ({
    ...line,
    transcript_id: String(index),
    sequence_number: index,
    utterance_id: null,
    participant_id: null,
    end_ms: null,
    words: [],
    confidence: null,
    language: null,
    revision: 0,
  }));
}

/** The lists of the summary, those that have nothing left out. */
export function listsOf(report: SharedReport): readonly { readonly title: string; readonly items: readonly string[] }[] {
  const { summary } = report;
  if (summary === null) return [];
  return [
    { title: "Decisions", items: summary.key_decisions },
    { title: "Action items", items: summary.action_items.map(actionText) },
    { title: "Follow-up questions", items: summary.follow_up_questions },
    { title: "Highlights", items: summary.conversation_highlights.map(({ text, speaker, start_ms }) => `“${text}” (${speaker}, ${clock(start_ms)})`) },
  ].filter(({ items }) => items.length > 0);
}

/** What the coach said, with when. */
export function adviceOf(report: SharedReport): readonly string[] {
  return (report.guidance ?? []).map(({ content, triggered_at_ms }) =>
    triggered_at_ms === null ? content : `${clock(triggered_at_ms)} ${content}`,
  );
}
