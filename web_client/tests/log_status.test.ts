import { describe, expect, test } from "vitest";
import type { LogStatus } from "../src/lib/events";
import { logNotice } from "../src/lib/log_status";
import { forgetPartials, initialState, reduce } from "../src/lib/state";

const status = (state: LogStatus["state"], at_ms = 0): LogStatus => ({ type: "log.status", at_ms, state });

describe("log status", () => {
  test("nothing is said while all is well", () => {
    expect([logNotice(null), logNotice(status("kept"))]).toEqual([null, null]);
  });
  test("people learn that nothing is written down, and that they are heard all the same", () => {
    expect(logNotice(status("full"))).toMatch(/Nothing is written down.*no room.*hear each other/);
    expect(logNotice(status("failed"))).toMatch(/Nothing is written down/);
    expect(logNotice(status("late"))).toMatch(/held up/);
  });
  test("an unknown state is no good news", () => {
    expect(logNotice({ ...status("full"), state: "melted" as LogStatus["state"] })).toMatch(/Nothing is written down/);
  });
  test("the newest one counts, whatever the order of arrival", () => {
    const state = [status("full", 1000), status("kept", 3000), status("full", 2000)].reduce(
      (before, event) => reduce(before, event, 0),
      initialState,
    );
    expect(state.log?.state).toBe("kept");
  });
  test("another connection may lead to another server", () => {
    expect(forgetPartials(reduce(initialState, status("full"), 0)).log).toBeNull();
  });
});
