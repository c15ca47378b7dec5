/** Messages as a media node sends them, with only what a test cares about spelt out. */
import type * as wire from "../src/lib/events";

export const final = (seq: number, fields: globalThis.Partial<wire.TranscriptFinal> = {}): wire.TranscriptFinal => ({
  type: "transcript.final",
  seq,
  at_ms: seq * 1000,
  transcript_id: `t${seq}`,
  utterance_id: `u${seq}`,
  participant_id: "p1",
  speaker: "Ada",
  start_ms: seq * 1000 - 800,
  end_ms: seq * 1000,
  text: `line ${seq}`,
  words: [],
  confidence: 0.9,
  language: "en",
  failure: null,
  ...fields,
});

export const partial = (fields: globalThis.Partial<wire.TranscriptPartial> = {}): wire.TranscriptPartial => ({
  type: "transcript.partial",
  at_ms: 1000,
  utterance_id: "u1",
  participant_id: "p1",
  speaker: "Ada",
  start_ms: 200,
  end_ms: 1000,
  stable: "we could",
  unstable: "start",
  ...fields,
});

export const joined = (seq: number, id = "p1", name = "Ada"): wire.ParticipantJoined => ({
  type: "participant.joined", seq, at_ms: 0, participant_id: id, name, role: "host", source: "browser", listens_only: false,
});

export const left = (seq: number, id = "p1", name = "Ada"): wire.ParticipantLeft => ({
  type: "participant.left", seq, at_ms: 0, participant_id: id, name, role: "host", source: "browser",
});

export const connection = (
  seq: number,
  state: wire.ParticipantConnection["state"],
  id = "p1",
): wire.ParticipantConnection => ({ type: "participant.connection", seq, at_ms: 0, participant_id: id, state });

export const sessionState = (
  seq: number,
  state: wire.SessionStateChanged["state"],
  at_ms = 0,
): wire.SessionStateChanged => ({ type: "session.state", seq, at_ms, state, reason: null });

export const shown = (seq: number, fields: globalThis.Partial<wire.GuidanceShown> = {}): wire.GuidanceShown => ({
  type: "guidance.shown",
  seq,
  at_ms: seq * 1000,
  guidance_id: `g${seq}`,
  guidance_type: "ask",
  priority: 2,
  content: "Ask about the budget.",
  evidence: [{ transcript_id: "t1", quote: "line 1" }],
  cue: "unanswered_question",
  expires_at_ms: seq * 1000 + 30_000,
  ...fields,
});

export const metrics = (at_ms: number, turns = 1): wire.MetricsUpdated => ({
  type: "metrics.updated", at_ms, participants: [], silence_ms: 0, turns,
});

export const pipeline = (
  level: wire.PipelineStatus["level"],
  fields: globalThis.Partial<wire.PipelineStatus> = {},
): wire.PipelineStatus => ({ type: "pipeline.status", seq: 1, at_ms: 0, lag_ms: 0, level, ...fields });
