import { expect, test } from "vitest";
import { adviceOf, linesOf, listsOf } from "../src/lib/shared";
import type { SharedReport } from "../src/lib/types";

const NOTHING: SharedReport = {
  title: "Demo", conversation_type: "sales", recording_started_at: null, message: null, tabs: [],
  summary: null, transcript: null, is_cut: false, guidance: null, metrics: null,
};
const summary = { tldr: "Short.", key_decisions: [], action_items: [{ task: "Call", owner: "Ada", due: null }],
  follow_up_questions: [], conversation_highlights: [{ text: "Yes", speaker: "Ben", start_ms: 61_000 }] };

test("what was not shared is not there", () => {
  expect([linesOf(NOTHING), listsOf(NOTHING), adviceOf(NOTHING)]).toEqual([[], [], []]);
});
test("lists that hold nothing are left out", () => {
  expect(listsOf({ ...NOTHING, summary })).toEqual([
    { title: "Action items", items: ["Call (Ada)"] },
    { title: "Highlights", items: ["“Yes” (Ben, 1:01)"] },
  ]);
});
test("lines have places in place of ids", () => {
  const transcript = [{ speaker: "Ada", start_ms: 0, text: "Hello." }, { speaker: "Ben", start_ms: 2_000, text: "Yes?" }];
  expect(linesOf({ ...NOTHING, transcript }).map((line) => [line.transcript_id, line.speaker, line.text])).toEqual([
    ["0", "Ada", "Hello."], ["1", "Ben", "Yes?"],
  ]);
});
test("advice tells when it was given", () => {
  const guidance = [{ guidance_type: "ask", content: "Ask.", triggered_at_ms: 5_000 }, { guidance_type: "ask", content: "Wait.", triggered_at_ms: null }];
  expect(adviceOf({ ...NOTHING, guidance })).toEqual(["0:05 Ask.", "Wait."]);
});
