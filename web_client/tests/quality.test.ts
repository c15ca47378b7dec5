import { describe, expect, it } from "vitest";
import type { ParticipantQuality } from "../src/lib/events";
import { connectionMark, connectionNotice, lineOf } from "../src/lib/quality";

const line = (fields: Partial<ParticipantQuality> = {}): ParticipantQuality => ({
  participant_id: "p1", rating: "good", loss_ratio: 0, concealed_ratio: 0, concealed_ms_per_s: 0, recovered_ratio: null,
  jitter_ms: 2, rtt_ms: 24, heard_loss_ratio: 0, level_dbfs: -24, clipped_ratio: 0, ...fields,
});

describe("connection mark", () => {
  it("shows more bars for a better line, and says the same in words", () => {
    const marks = (["good", "fair", "poor"] as const).map((rating) => connectionMark(line({ rating })));
    expect(marks.map((mark) => mark?.bars)).toEqual([3, 2, 1]);
    expect(marks.map((mark) => mark?.text.split(",")[0])).toEqual(["Connection good", "Connection fair", "Connection poor"]);
  });
  it("names the figures that matter", () => {
    expect(connectionMark(line({ rating: "poor", concealed_ratio: 0.123 }))?.text).toBe(
      "Connection poor, 12 % of the speech is lost, 24 ms there and back",
    );
  });
  it("is not there while nothing is known, or for a rating of a newer server", () => {
    expect(connectionMark(null)).toBeNull();
    expect(connectionMark(line({ rating: "unknown" }))).toBeNull();
    expect(connectionMark(line({ rating: "sublime" as "good" }))).toBeNull();
  });
});

describe("connection notice", () => {
  it("leaves whoever has a good or fair line alone", () => {
    expect(connectionNotice(null)).toBeNull();
    expect(connectionNotice(line())).toBeNull();
    expect(connectionNotice(line({ rating: "fair", concealed_ratio: 0.05 }))).toBeNull();
  });
  it("says how much of one's speech is lost, and what to do", () => {
    expect(connectionNotice(line({ rating: "poor", concealed_ratio: 0.12 }))).toBe(
      "Your connection loses 12 % of your speech: move closer to the router or use a cable.",
    );
  });
  it("says when it is the others who are lost", () => {
    expect(connectionNotice(line({ rating: "poor", heard_loss_ratio: 0.2 }))).toContain("20 % of what the others say");
  });
  it("says when the line is only slow", () => {
    expect(connectionNotice(line({ rating: "poor", rtt_ms: 900 }))).toContain("slow");
  });
});

describe("line", () => {
  it("is found by its participant", () => {
    const quality = { type: "quality.updated", at_ms: 0, participants: [line(), line({ participant_id: "p2" })] } as const;
    expect(lineOf({ ...quality, participants: [...quality.participants] }, "p2")?.participant_id).toBe("p2");
    expect(lineOf(null, "p2")).toBeNull();
    expect(lineOf({ ...quality, participants: [] }, "p2")).toBeNull();
  });
});
