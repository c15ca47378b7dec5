/**
 * What the live page shows, as a pure function of the messages: `reduce(state, event, received_ms) → state`.
 *
 * Rules:
 * - The log may be replayed after a reconnect: an entry that was applied before changes nothing.
 * - Lines are ordered by `seq`. Partials travel on an unordered channel: an older one never replaces a newer one,
 *   and none outlives the final of its utterance.
 * - Time is an argument. `received_ms` is the page's own clock; media time is derived from it (see `mediaTime`).
 */
import type * as wire from "./events";
import { showGuidance, withdrawGuidance, type Guidance } from "./guidance";
import { closeUtterance, putLine, putPartial, reviseLine, type Line, type Partial } from "./transcript";
import { seqOf } from "./wire";

export type SessionState = wire.SessionStateChanged["state"];

export interface Participant {
  readonly participant_id: string;
  readonly name: string;
  readonly role: wire.ParticipantJoined["role"];
  readonly source: wire.ParticipantJoined["source"];
  readonly isPresent: boolean;
  /** Present, but their connection is lost: they have a moment to come back. */
  readonly isAway: boolean;
  readonly isOffRecord: boolean;
  readonly listensOnly: boolean;
  readonly isMuted: boolean;
  /** Hears nobody. */
  readonly isDeafened: boolean;
  /** Whoever switched that last; null: nothing was switched. */
  readonly switchedBy: string | null;
  readonly seq: number;
}

export interface Fault {
  readonly seq: number;
  readonly code: string;
  readonly message: string;
  readonly fatal: boolean;
}

export interface CallState {
  /** The newest entry of the log that was applied; null before the first. */
  readonly lastSeq: number | null;
  readonly session: SessionState;
  readonly sessionSeq: number;
  /** Media time minus the page's clock, in ms; null before the first message. */
  readonly clockOffsetMs: number | null;
  readonly participants: readonly Participant[];
  readonly lines: readonly Line[];
  readonly partials: readonly Partial[];
  /** Utterances that are done, newest last: a late partial of one is dropped. */
  readonly closedUtterances: readonly string[];
  readonly guidance: readonly Guidance[];
  readonly metrics: wire.MetricsUpdated | null;
  readonly pipeline: wire.PipelineStatus | null;
  /** Whether the server keeps what is said; null: it never said that it does not. */
  readonly log: wire.LogStatus | null;
  readonly microphone: wire.MicrophoneStateChanged | null;
  /** One's own line, and everybody's for those who are coached. */
  readonly quality: wire.QualityUpdated | null;
  /** Whoever moderates the call has taken it off the record. */
  readonly isOffRecord: boolean;
  readonly usage: wire.UsageWarning | null;
  /** The call has lasted nearly as long as it may. */
  readonly ending: wire.SessionEnding | null;
  readonly faults: readonly Fault[];
}

const FAULTS_KEPT = 5;

export const initialState: CallState = {
  lastSeq: null,
  session: "draft",
  sessionSeq: -1,
  clockOffsetMs: null,
  participants: [],
  lines: [],
  partials: [],
  closedUtterances: [],
  guidance: [],
  metrics: null,
  pipeline: null,
  log: null,
  microphone: null,
  quality: null,
  isOffRecord: false,
  usage: null,
  ending: null,
  faults: [],
};

export function reduce(state: CallState, event: wire.ServerEvent, receivedMs: number): CallState {
  const seq = seqOf(event);
  const lastSeq = seq === null ? state.lastSeq : Math.max(seq, state.lastSeq ?? seq);
  return { ...apply(state, event), lastSeq, clockOffsetMs: clockOffset(state, event, receivedMs) };
}

function apply(state: CallState, event: wire.ServerEvent): CallState {
  switch (event.type) {
    case "session.state":
      return changeSession(state, event);
    case "participant.joined":
      return { ...state, participants: putParticipant(state.participants, event, true) };
    case "participant.left":
      return leave(state, event);
    case "participant.connection":
      return { ...state, participants: setAway(state.participants, event) };
    case "session.ending":
      return { ...state, ending: event };
    case "participant.audio":
      return { ...state, participants: setAudio(state.participants, event) };
    case "recording.state":
      return { ...state, participants: setRecording(state.participants, event) };
    case "call.recording":
      return { ...state, isOffRecord: event.state === "off_record" };
    case "transcript.partial":
      if (state.closedUtterances.includes(event.utterance_id)) return state;
      return { ...state, partials: putPartial(state.partials, event) };
    case "transcript.final":
      return finish(state, event);
    case "transcript.revised":
      return { ...state, lines: reviseLine(state.lines, event) };
    case "guidance.shown":
      return { ...state, guidance: showGuidance(state.guidance, event) };
    case "guidance.withdrawn":
      return { ...state, guidance: withdrawGuidance(state.guidance, event.guidance_id) };
    case "metrics.updated":
      return isOlder(event, state.metrics) ? state : { ...state, metrics: event };
    case "pipeline.status":
      return isOlder(event, state.pipeline) ? state : { ...state, pipeline: event };
    case "log.status":
      return isOlder(event, state.log) ? state : { ...state, log: event };
    case "microphone.state":
      return isOlder(event, state.microphone) ? state : { ...state, microphone: event };
    case "quality.updated":
      return isOlder(event, state.quality) ? state : { ...state, quality: event };
    case "usage.warning":
      return isOlder(event, state.usage) ? state : { ...state, usage: event };
    case "error":
      return { ...state, faults: putFault(state.faults, event) };
    default:
      return state;
  }
}

export function dismissFault(state: CallState, seq: number): CallState {
  return { ...state, faults: state.faults.filter((fault) => fault.seq !== seq) };
}

/** After a lost connection nobody will finish the utterances that were being heard, and the next server may do well. */
export function forgetPartials(state: CallState): CallState {
  return { ...state, partials: [], pipeline: null, log: null, microphone: null, quality: null };
}

export function isOver(state: CallState): boolean {
  return state.session === "finalizing" || state.session === "completed";
}

/** The last call ended without a word: the session is as it was before. */
export function wasUnused(state: CallState): boolean {
  return state.session === "draft" && state.sessionSeq >= 0;
}

/** Everybody's name in the order of appearance; on a shared microphone voices follow. */
export function names(state: CallState): readonly string[] {
  return [...state.participants.map((one) => one.name), ...state.lines.map((line) => line.speaker)];
}

/** Media time at a moment of the page's clock: ms since the first audio of the session's first call. */
export function mediaTime(state: CallState, nowMs: number): number {
  return state.clockOffsetMs === null ? 0 : Math.max(0, nowMs + state.clockOffsetMs);
}

/**
 * Replayed entries arrive late, so the newest estimate is the largest; it starts afresh when audio starts, because
 * before that media time stands at 0 while the page's clock runs.
 */
function clockOffset(state: CallState, event: wire.ServerEvent, receivedMs: number): number {
  const offset = event.at_ms - receivedMs;
  const isStart = event.type === "session.state" && event.state === "active" && event.seq > state.sessionSeq;
  if (isStart || state.clockOffsetMs === null) return offset;
  return Math.max(offset, state.clockOffsetMs);
}

function changeSession(state: CallState, event: wire.SessionStateChanged): CallState {
  if (event.seq <= state.sessionSeq) return state;
  const partials = event.state === "active" ? state.partials : [];
  return { ...state, session: event.state, sessionSeq: event.seq, partials };
}

function leave(state: CallState, event: wire.ParticipantLeft): CallState {
  const partials = state.partials.filter((partial) => partial.participant_id !== event.participant_id);
  return { ...state, partials, participants: putParticipant(state.participants, event, false) };
}

function putParticipant(
  participants: readonly Participant[],
  event: wire.ParticipantJoined | wire.ParticipantLeft,
  isPresent: boolean,
): readonly Participant[] {
  const { participant_id, name, role, source, seq } = event;
  const known = participants.find((one) => one.participant_id === participant_id);
  const listensOnly = event.type === "participant.joined" ? event.listens_only === true : (known?.listensOnly ?? false);
  if (known === undefined) {
    const nothingOff = { isOffRecord: false, isMuted: false, isDeafened: false, switchedBy: null };
    const fresh = { participant_id, name, role, source, isPresent, isAway: false, listensOnly, ...nothingOff, seq };
    return [...participants, fresh];
  }
  if (seq <= known.seq) return participants;
  // Who joined again after leaving is on the record, as anybody is who joins.
  const isOffRecord = known.isOffRecord && !isPresent;
  return participants.map((one) =>
    one === known ? { ...one, name, role, source, isPresent, isAway: false, listensOnly, isOffRecord, seq } : one,
  );
}

function setAway(participants: readonly Participant[], event: wire.ParticipantConnection): readonly Participant[] {
  return participants.map((one) =>
    one.participant_id === event.participant_id && event.seq > one.seq
      ? { ...one, isAway: event.state === "reconnecting", seq: event.seq }
      : one,
  );
}

/** It outlives leaving and coming back, as it does on the server. */
function setAudio(participants: readonly Participant[], event: wire.ParticipantAudioChanged): readonly Participant[] {
  const { participant_id, muted, deafened, by } = event;
  return participants.map((one) =>
    one.participant_id === participant_id ? { ...one, isMuted: muted, isDeafened: deafened, switchedBy: by } : one,
  );
}

function setRecording(participants: readonly Participant[], event: wire.RecordingStateChanged): readonly Participant[] {
  return participants.map((one) =>
    one.participant_id === event.participant_id ? { ...one, isOffRecord: event.state === "off_record" } : one,
  );
}

function finish(state: CallState, event: wire.TranscriptFinal): CallState {
  return {
    ...state,
    lines: putLine(state.lines, event),
    partials: state.partials.filter((partial) => partial.utterance_id !== event.utterance_id),
    closedUtterances: closeUtterance(state.closedUtterances, event.utterance_id),
  };
}

function putFault(faults: readonly Fault[], event: wire.Error): readonly Fault[] {
  const { seq, code, message, fatal } = event;
  if (faults.some((fault) => fault.seq === seq)) return faults;
  return [...faults, { seq, code, message, fatal }].slice(-FAULTS_KEPT);
}

function isOlder(event: { at_ms: number }, known: { at_ms: number } | null): boolean {
  return known !== null && event.at_ms < known.at_ms;
}
