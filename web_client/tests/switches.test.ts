import { describe, expect, it } from "vitest";
import { again, nothingOff, switchedOff, switchOf } from "../src/lib/switches";

const told = (isMuted: boolean, isDeafened = false) => ({ isMuted, isDeafened });

describe("what is off", () => {
  it("is what was asked for here, at once", () => {
    expect(switchedOff({ muted: true, deafened: false }, null)).toEqual({ muted: true, deafened: false });
    expect(switchedOff({ muted: true, deafened: true }, told(false))).toEqual({ muted: true, deafened: true });
  });

  it("is what the server says as well, so that a host's mute counts", () => {
    expect(switchedOff(nothingOff, told(true))).toEqual({ muted: true, deafened: false });
  });

  it("is on again only when the server says so", () => {
    expect(switchedOff({ muted: false, deafened: false }, told(true, true))).toEqual({ muted: true, deafened: true });
    expect(switchedOff(nothingOff, told(false))).toEqual(nothingOff);
  });
});

describe("a new connection", () => {
  it("is told again of what is off, and of nothing that the host may have switched off", () => {
    expect(again({ muted: true, deafened: false })).toEqual({ type: "audio.set", muted: true, deafened: null });
    expect(again(nothingOff)).toBeNull();
  });
});

describe("keys", () => {
  const key = { altKey: true, ctrlKey: false, metaKey: false, shiftKey: false, repeat: false, code: "KeyM" };

  it("are Alt and a letter", () => {
    expect([switchOf(key), switchOf({ ...key, code: "KeyS" }), switchOf({ ...key, code: "KeyX" })]).toEqual([
      "muted", "deafened", null,
    ]);
  });

  it("are nothing with another key held, without Alt, or held down", () => {
    for (const other of [{ altKey: false }, { ctrlKey: true }, { metaKey: true }, { shiftKey: true }, { repeat: true }]) {
      expect(switchOf({ ...key, ...other })).toBeNull();
    }
  });
});
