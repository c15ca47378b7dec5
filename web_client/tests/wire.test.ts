import { expect, test } from "vitest";
import { decode, seqOf } from "../src/lib/wire";
import { final, metrics } from "./messages";

test("a message is read", () => {
  expect(decode(JSON.stringify(final(1)))).toEqual(final(1));
});
test.each(["", "{", "[]", "null", "3", '{"type":"x"}', '{"type":3,"at_ms":0}'])("%j is no message", (raw) => {
  expect(decode(raw)).toBeNull();
});
test("binary is no message", () => {
  expect(decode(new ArrayBuffer(4))).toBeNull();
});
test("an entry of the log has a seq", () => {
  expect(seqOf(final(4))).toBe(4);
});
test("a live message has none", () => {
  expect(seqOf(metrics(4))).toBeNull();
});
