import { expect, test } from "vitest";
import { classify, loudness } from "../src/lib/microphone";

test("silence has no level", () => {
  expect(loudness(new Float32Array(64))).toBe(0);
});
test("full scale fills the meter", () => {
  expect(loudness(new Float32Array(64).fill(1))).toBe(1);
});
test("speech at -30 dBFS stands in the middle", () => {
  expect(loudness(new Float32Array(64).fill(10 ** (-30 / 20)))).toBeCloseTo(0.5);
});
test.each([["NotAllowedError", "refused"], ["NotFoundError", "missing"], ["OverconstrainedError", "missing"], ["NotReadableError", "busy"], ["", "busy"]])(
  "%s means %s",
  (name, problem) => {
    expect(classify(name)).toBe(problem);
  },
);
