import { describe, expect, test } from "vitest";
import type { ServerEvent } from "../src/lib/events";
import { dismissFault, forgetPartials, initialState, isOver, mediaTime, reduce, wasUnused, type CallState } from "../src/lib/state";
import { textOf } from "../src/lib/transcript";
import { connection, final, joined, left, metrics, partial, sessionState } from "./messages";

const play = (events: readonly ServerEvent[], from: CallState = initialState): CallState =>
  events.reduce((state, event) => reduce(state, event, 0), from);
const texts = (state: CallState) => state.lines.map((line) => line.text);

describe("lines", () => {
  test("stand in the order of the log, not of arrival", () => {
    expect(texts(play([final(3), final(1), final(2)]))).toEqual(["line 1", "line 2", "line 3"]);
  });
  test("a replayed log changes nothing but the clock", () => {
    const log = [joined(1), sessionState(2, "active"), final(3), final(4), left(5)];
    const once = play(log);
    expect(play(log, once)).toEqual(once);
  });
  test("two utterances with the same words both stay", () => {
    expect(texts(play([final(1, { text: "Yes." }), final(2, { text: "Yes." })]))).toEqual(["Yes.", "Yes."]);
  });
  test("what was not transcribed is a line that says so, and takes its partial away", () => {
    const gap = { text: "", failure: "recognizer_overloaded", start_ms: 1_000, end_ms: 4_400 };
    const state = play([partial({ utterance_id: "u2" }), final(1), final(2, gap), final(3)]);
    expect(state.lines.map(textOf)).toEqual(["line 1", "[not transcribed: 3 s of speech]", "line 3"]);
    expect(state.partials).toEqual([]);
  });
  test("a final without text leaves no line", () => {
    expect(texts(play([final(1, { text: "" })]))).toEqual([]);
  });
  test("a revision replaces text and speaker", () => {
    const revised = { type: "transcript.revised", seq: 2, at_ms: 0, transcript_id: "t1", revision: 1 } as const;
    const state = play([final(1), { ...revised, text: "better", speaker: "Bob" }]);
    expect(state.lines[0]).toMatchObject({ text: "better", speaker: "Bob", revision: 1 });
  });
  test("an older revision does not come back", () => {
    const revised = { type: "transcript.revised", at_ms: 0, transcript_id: "t1", speaker: "Ada" } as const;
    const state = play([
      final(1),
      { ...revised, seq: 3, revision: 2, text: "second" },
      { ...revised, seq: 2, revision: 1, text: "first" },
    ]);
    expect(texts(state)).toEqual(["second"]);
  });
});

describe("partials", () => {
  test("the final takes the place of its partial", () => {
    const state = play([partial(), final(1)]);
    expect([state.partials, texts(state)]).toEqual([[], ["line 1"]]);
  });
  test("a partial that comes after its final is dropped", () => {
    expect(play([final(1), partial({ at_ms: 9000 })]).partials).toEqual([]);
  });
  test("a newer partial replaces the older one of its utterance", () => {
    const state = play([partial(), partial({ at_ms: 2000, stable: "we could start" })]);
    expect(state.partials.map((one) => one.stable)).toEqual(["we could start"]);
  });
  test("an older partial that was overtaken changes nothing", () => {
    const state = play([partial({ at_ms: 2000, stable: "new" }), partial({ at_ms: 1000, stable: "old" })]);
    expect(state.partials.map((one) => one.stable)).toEqual(["new"]);
  });
  test("two people talking at once have one partial each, in the order they began", () => {
    const state = play([partial({ utterance_id: "u2", start_ms: 900 }), partial({ utterance_id: "u1", start_ms: 200 })]);
    expect(state.partials.map((one) => one.utterance_id)).toEqual(["u1", "u2"]);
  });
  test("a partial without words takes itself away", () => {
    expect(play([partial(), partial({ at_ms: 2000, stable: "", unstable: "" })]).partials).toEqual([]);
  });
  test("somebody who leaves takes the own partials along", () => {
    expect(play([joined(1), partial(), left(2)]).partials).toEqual([]);
  });
  test("a pause clears them", () => {
    expect(play([partial(), sessionState(2, "paused")]).partials).toEqual([]);
  });
  test("a lost connection clears them", () => {
    expect(forgetPartials(play([partial()])).partials).toEqual([]);
  });
});

describe("participants", () => {
  test("one who left stays known and is absent", () => {
    expect(play([joined(1), left(2)]).participants).toMatchObject([{ name: "Ada", isPresent: false }]);
  });
  test("one who comes back is present again", () => {
    expect(play([joined(1), left(2), joined(3)]).participants).toMatchObject([{ isPresent: true }]);
  });
  test("a replayed departure does not send away who has come back", () => {
    expect(play([joined(1), left(2), joined(3), left(2)]).participants).toMatchObject([{ isPresent: true }]);
  });
  test("one whose connection is lost is present and away until it is back", () => {
    const away = play([joined(1), connection(2, "reconnecting")]);
    expect(away.participants).toMatchObject([{ isPresent: true, isAway: true }]);
    expect(play([connection(3, "connected"), connection(2, "reconnecting")], away).participants).toMatchObject([
      { isPresent: true, isAway: false },
    ]);
    expect(play([left(3)], away).participants).toMatchObject([{ isPresent: false, isAway: false }]);
  });
  test("one who joins again is on the record", () => {
    const off = { type: "recording.state", seq: 2, at_ms: 0, state: "off_record", participant_id: "p1" } as const;
    expect(play([joined(1), off, left(3)]).participants).toMatchObject([{ isOffRecord: true }]);
    expect(play([joined(1), off, left(3), joined(4)]).participants).toMatchObject([{ isOffRecord: false }]);
  });
  test("being off the record is shown on the one it concerns", () => {
    const off = { type: "recording.state", seq: 3, at_ms: 0, state: "off_record", participant_id: "p2" } as const;
    const state = play([joined(1), joined(2, "p2", "Bob"), off]);
    expect(state.participants.map((one) => one.isOffRecord)).toEqual([false, true]);
  });
  test("a call is off the record until it is on it again", () => {
    const off = { type: "call.recording", seq: 2, at_ms: 0, state: "off_record" } as const;
    expect(play([joined(1), off]).isOffRecord).toBe(true);
    expect(play([joined(1), off, { ...off, seq: 3, state: "on_record" }]).isOffRecord).toBe(false);
  });
  test("what somebody has switched off is shown on them, and stays when they come back", () => {
    const off = { type: "participant.audio", seq: 3, at_ms: 0, participant_id: "p2", muted: true, deafened: false, by: "p1" } as const;
    const state = play([joined(1), joined(2, "p2", "Bob"), off, left(4, "p2", "Bob"), joined(5, "p2", "Bob")]);
    expect(state.participants.map((one) => [one.isMuted, one.isDeafened, one.switchedBy])).toEqual([
      [false, false, null],
      [true, false, "p1"],
    ]);
  });
  test("whoever listens only is known as that, also after leaving; an older server does not say", () => {
    const { listens_only: _, ...older } = joined(3, "p3", "Carol");
    const state = play([{ ...joined(1), listens_only: true }, left(2), older as typeof older & { listens_only: boolean }]);
    expect(state.participants.map((one) => one.listensOnly)).toEqual([true, false]);
  });
});

describe("session", () => {
  test("the end of a call that lasts too long is known", () => {
    expect(play([{ type: "session.ending", seq: 4, at_ms: 0, ends_at_ms: 9000 }]).ending?.ends_at_ms).toBe(9000);
  });
  test("starts as a draft", () => {
    expect(initialState.session).toBe("draft");
  });
  test("an older state does not come back", () => {
    expect(play([sessionState(5, "paused"), sessionState(2, "active")]).session).toBe("paused");
  });
  test.each(["finalizing", "completed"] as const)("%s means that it is over", (state) => {
    expect(isOver(play([sessionState(1, state)]))).toBe(true);
  });
  test.each(["draft", "active", "paused"] as const)("%s means that it goes on", (state) => {
    expect(isOver(play([sessionState(1, state)]))).toBe(false);
  });
  test("draft, when it is told, means that nothing was recorded", () => {
    expect([wasUnused(initialState), wasUnused(play([sessionState(1, "draft")]))]).toEqual([false, true]);
    expect(wasUnused(play([sessionState(1, "draft"), sessionState(2, "active")]))).toBe(false);
  });
});

describe("the newest entry", () => {
  test("is unknown at first", () => {
    expect(initialState.lastSeq).toBeNull();
  });
  test("never goes back", () => {
    expect(play([final(7), final(3)]).lastSeq).toBe(7);
  });
  test("is not touched by messages that are not logged", () => {
    expect(play([final(7), metrics(9000)]).lastSeq).toBe(7);
  });
});

describe("media time", () => {
  test("is 0 before any message", () => {
    expect(mediaTime(initialState, 5000)).toBe(0);
  });
  test("goes on between messages", () => {
    expect(mediaTime(reduce(initialState, metrics(3000), 10_000), 10_500)).toBe(3500);
  });
  test("follows the newest entry when a log is replayed", () => {
    let state = reduce(initialState, sessionState(1, "active"), 60_000);
    state = reduce(state, final(2, { at_ms: 20_000 }), 60_001);
    expect(mediaTime(state, 60_001)).toBe(20_000);
  });
  test("starts when audio starts, not when somebody joins", () => {
    let state = reduce(initialState, joined(1), 1000);
    state = reduce(state, sessionState(2, "active"), 5000);
    expect(mediaTime(state, 6000)).toBe(1000);
  });
});

describe("the rest", () => {
  test("newer metrics replace older ones and not the other way round", () => {
    expect(play([metrics(2000, 5), metrics(1000, 4)]).metrics?.turns).toBe(5);
  });
  test("newer qualities of lines replace older ones, and a lost connection forgets them", () => {
    const quality = (at_ms: number): ServerEvent => ({ type: "quality.updated", at_ms, participants: [] });
    const state = play([quality(2000), quality(1000)]);
    expect([state.quality?.at_ms, forgetPartials(state).quality]).toEqual([2000, null]);
  });
  test("an error is kept until it is dismissed", () => {
    const error = { type: "error", seq: 4, at_ms: 0, code: "x", message: "Too large.", fatal: false } as const;
    const state = play([error, error]);
    expect([state.faults.length, dismissFault(state, 4).faults]).toEqual([1, []]);
  });
  test("a message of an unknown type changes nothing that is seen", () => {
    const unknown = { type: "hologram.shown", at_ms: 0 } as unknown as ServerEvent;
    expect({ ...reduce(initialState, unknown, 0), clockOffsetMs: null }).toEqual(initialState);
  });
  test("the state before is left as it was", () => {
    const before = play([final(1), joined(2)]);
    const copy = structuredClone(before);
    play([final(3), left(4), partial({ utterance_id: "u9" })], before);
    expect(before).toEqual(copy);
  });
});
