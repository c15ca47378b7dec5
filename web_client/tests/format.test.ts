import { expect, test } from "vitest";
import { clock, count, duration, initials, percent, shortSeconds, speakerColours } from "../src/lib/format";

test.each([[0, "0:00"], [-5, "0:00"], [59_999, "0:59"], [247_000, "4:07"], [3_723_000, "1:02:03"]])("%d ms read %s", (ms, text) => {
  expect(clock(ms)).toBe(text);
});
test.each([[0, "0 s"], [45.4, "45 s"], [60, "1 min"], [3599, "1 h 0 min"], [3900, "1 h 5 min"]])("%d s last %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});
test.each([[null, "–"], [840, "0.8 s"], [12_400, "12 s"]])("%s is %s", (ms, text) => {
  expect(shortSeconds(ms)).toBe(text);
});
test("a ratio is whole percent", () => {
  expect(percent(0.426)).toBe("43 %");
});
test("one thing is singular", () => {
  expect([count(1, "word"), count(2, "word"), count(0, "reply", "replies")]).toEqual(["1 word", "2 words", "0 replies"]);
});
test.each([["Ada Lovelace", "AL"], ["bob", "B"], ["", "?"], ["Jean Luc Picard", "JP"], ["😀 x", "😀X"]])("%s has the letters %s", (name, text) => {
  expect(initials(name)).toBe(text);
});
test("speakers get the colours in the order they appear", () => {
  expect([...speakerColours(["Ada", "Bob", "Ada", "Cleo"])]).toEqual([["Ada", 0], ["Bob", 1], ["Cleo", 2]]);
});
test("the seventh speaker shares the first one's colour", () => {
  expect(speakerColours([..."abcdefg"]).get("g")).toBe(0);
});
