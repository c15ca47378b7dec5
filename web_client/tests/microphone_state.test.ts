import { describe, expect, it } from "vitest";
import type { MicrophoneStateChanged } from "../src/lib/events";
import { microphoneNotice } from "../src/lib/microphone_state";

const heard = (state: MicrophoneStateChanged["state"]): MicrophoneStateChanged => ({ type: "microphone.state", at_ms: 0, state });

describe("microphone notice", () => {
  it("says nothing while all is well, or before anything was said of it", () => {
    expect(microphoneNotice(null, false)).toBeNull();
    expect(microphoneNotice(heard("ok"), false)).toBeNull();
  });

  it("says what to do about a microphone that is silent or too loud", () => {
    expect(microphoneNotice(heard("silent"), false)).toContain("switched on");
    expect(microphoneNotice(heard("clipping"), false)).toContain("too loud");
  });

  it("leaves whoever is muted on purpose alone", () => {
    expect(microphoneNotice(heard("silent"), true)).toBeNull();
    expect(microphoneNotice(heard("clipping"), true)).not.toBeNull();
  });

  it("does not guess at a state of a newer server", () => {
    expect(microphoneNotice(heard("haunted" as "ok"), false)).toBeNull();
  });
});
