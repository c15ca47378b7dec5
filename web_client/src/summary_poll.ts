/** Waits for a summary that is being written: asks again, a little more slowly each time. */
import { ApiError } from "./lib/api";
import type { Summary } from "./lib/types";
import { api } from "./server";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5_000;
const GIVE_UP_AFTER_MS = 5 * 60_000;

export async function fetchSummary(id: string, stop: AbortSignal, show: (summary: Summary) => void): Promise<void> {
  const until = Date.now() + GIVE_UP_AFTER_MS;
  for (let wait = FIRST_WAIT_MS; !stop.aborted; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
    const summary = await ask(id);
    if (stop.aborted) return;
    if (summary !== null) show(summary);
    if (summary?.generation_status === "completed" || summary?.generation_status === "failed") return;
    if (Date.now() > until) throw new Error("The summary takes longer than usual. It goes on being written: come back later.");
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** null while the session is being closed; a server that restarts is asked again as well. */
async function ask(id: string): Promise<Summary | null> {
  try {
    return await api.summary(id);
  } catch (error) {
    if (error instanceof ApiError && (error.code === "summary_not_found" || error.status === 0 || error.status >= 500)) return null;
    throw error;
  }
}
