import { expect, test } from "vitest";
import { actionText, fileName, toMarkdown } from "../src/lib/markdown";
import type { Session, Summary, TranscriptItem } from "../src/lib/types";

const session = {
  id: "s", title: "Call with Nordwind / Q4!", conversation_type: "sales", status: "completed", state: "completed",
  created_at: "2026-11-22T10:00:00Z", recording_started_at: null, recording_ended_at: null,
  recording_duration_seconds: 75, total_words_spoken: 9,
} as Session;
const summary = {
  session_id: "s", generation_status: "completed", generation_error: null, title: null, tldr: "They will try it.",
  key_decisions: ["Start in May"], action_items: [{ task: "Send the offer", owner: "Ada", due: "Friday" }],
  follow_up_questions: [], conversation_highlights: [{ text: "We *need* this", speaker: "Bob", start_ms: 4000 }],
  full_transcript: null, model_used: null, structured_notes: null, generation_time_seconds: null,
  is_marked_done: false, export_count: 0, last_exported_at: null, created_at: "2026-11-22T10:05:00Z", updated_at: "2026-11-22T10:05:00Z",
} as Summary;
const line = {
  transcript_id: "t", sequence_number: 1, participant_id: "p", speaker: "Ada", start_ms: 4000, end_ms: 5000,
  text: "Hello\nthere", words: [], utterance_id: null, confidence: null, language: "en", revision: 0,
} as TranscriptItem;

test("the title of the session stands in for a missing one", () => {
  expect(toMarkdown(session, summary, [])).toMatch(/^# Call with Nordwind \/ Q4!\n/);
});
test("empty parts have no heading", () => {
  expect(toMarkdown(session, summary, [])).not.toContain("Follow-up");
});
test("spoken words are never markup", () => {
  expect(toMarkdown(session, summary, [])).toContain("We \\*need\\* this");
});
test("a line keeps to one line, with name and time", () => {
  expect(toMarkdown(session, summary, [line])).toContain("- **Ada** 0:04: Hello there");
});
test("what was not transcribed is marked", () => {
  expect(toMarkdown(session, summary, [{ ...line, text: "" }])).toContain("0:04: \\[not transcribed: 1 s of speech\\]");
});
test("an action names who and when", () => {
  expect(actionText({ task: "Call back", owner: null, due: "Monday" })).toBe("Call back (Monday)");
});
test("the file is named after the session", () => {
  expect(fileName(session)).toBe("call-with-nordwind-q4.md");
});
