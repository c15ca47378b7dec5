import { describe, expect, test } from "vitest";
import { lagText, pipelineNotice } from "../src/lib/pipeline_status";
import { forgetPartials, initialState, reduce } from "../src/lib/state";
import { pipeline } from "./messages";

describe("pipeline status", () => {
  test("nothing is said while the text keeps up", () => {
    expect([pipelineNotice(null), pipelineNotice(pipeline("full"))]).toEqual([null, null]);
  });
  test("each level is said in words of its own", () => {
    const notices = (["coalesced", "finals_only", "metrics_only"] as const).map((level) => pipelineNotice(pipeline(level)));
    expect(new Set(notices).size).toBe(3);
    expect(notices[0]).toMatch(/may lag/);
    expect(notices[2]).toMatch(/missing is marked/);
  });
  test("an unknown level is no good news", () => {
    expect(pipelineNotice({ ...pipeline("full"), level: "asleep" as "full" })).toMatch(/may lag/);
  });
  test("a lag is told once one can notice it", () => {
    expect([lagText(null), lagText(pipeline("coalesced", { lag_ms: 1_499 }))]).toEqual([null, null]);
    expect(lagText(pipeline("coalesced", { lag_ms: 4_600 }))).toBe("5 s behind");
  });
  test("the newest one counts, on whichever channel it came", () => {
    const { seq: _, ...live } = pipeline("metrics_only", { at_ms: 2_000, lag_ms: 4_000 });
    const events = [pipeline("finals_only", { at_ms: 1_000 }), pipeline("full", { at_ms: 3_000, seq: 2 }), live as never];
    expect(events.reduce((state, event) => reduce(state, event, 0), initialState).pipeline?.level).toBe("full");
  });
  test("another connection may lead to another server", () => {
    expect(forgetPartials(reduce(initialState, pipeline("metrics_only"), 0)).pipeline).toBeNull();
  });
});
