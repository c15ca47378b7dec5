import { expect, test } from "vitest";
import type { ServerEvent } from "../src/lib/events";
import { giveFeedback, visibleGuidance, VISIBLE_CARDS } from "../src/lib/guidance";
import { initialState, reduce } from "../src/lib/state";
import { shown } from "./messages";

const cards = (...events: ServerEvent[]) => events.reduce((state, event) => reduce(state, event, 0), initialState).guidance;
const ids = (all: ReturnType<typeof cards>, mediaTimeMs = 5000) =>
  visibleGuidance(all, mediaTimeMs).map((card) => card.guidance_id);
const withdrawn = { type: "guidance.withdrawn", seq: 9, at_ms: 0, guidance_id: "g1", reason: "answered" } as const;

test("no more than three cards stand at a time", () => {
  expect(ids(cards(shown(1), shown(2), shown(3), shown(4)))).toHaveLength(VISIBLE_CARDS);
});
test("the most urgent stands first, the newest first among equals", () => {
  expect(ids(cards(shown(1, { priority: 2 }), shown(2, { priority: 3 }), shown(3, { priority: 2 })))).toEqual(["g3", "g1", "g2"]);
});
test("a card goes when its time is over", () => {
  expect(ids(cards(shown(1)), 31_000)).toEqual([]);
});
test("a withdrawn card goes and a replay does not bring it back", () => {
  expect(ids(cards(shown(1), withdrawn, shown(1)))).toEqual([]);
});
test("a replayed card stands once", () => {
  expect(ids(cards(shown(1), shown(1)))).toEqual(["g1"]);
});
test.each(["dismissed", "irrelevant"] as const)("a card that was answered with %s goes", (action) => {
  expect(ids(giveFeedback(cards(shown(1)), "g1", action))).toEqual([]);
});
test.each(["helpful", "displayed", "clicked"] as const)("a card that was answered with %s stays", (action) => {
  expect(ids(giveFeedback(cards(shown(1)), "g1", action))).toEqual(["g1"]);
});
test("a card that goes makes room for the next", () => {
  const all = cards(shown(1), shown(2), shown(3), shown(4));
  expect(ids(giveFeedback(all, "g4", "dismissed"))).toEqual(["g3", "g2", "g1"]);
});
