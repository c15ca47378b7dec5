/** A finished conversation as one Markdown document, to copy or to keep. */
import { typeName } from "./conversation_types";
import { clock, dateTime, duration } from "./format";
import { textOf } from "./transcript";
import type { ActionItem, Session, Summary, TranscriptItem } from "./types";

export function toMarkdown(session: Session, summary: Summary, transcript: readonly TranscriptItem[]): string {
  const facts = `${typeName(session.conversation_type)}, ${dateTime(session.recording_started_at ?? session.created_at)}`;
  return [
    `# ${escape(summary.title ?? session.title)}`,
    `${facts}, ${duration(session.recording_duration_seconds)}`,
    summary.tldr ? escape(summary.tldr) : "",
    list("Decisions", (summary.key_decisions ?? []).map(escape)),
    list("Action items", (summary.action_items ?? []).map((item) => `[ ] ${escape(actionText(item))}`)),
    list("Follow-up questions", (summary.follow_up_questions ?? []).map(escape)),
    list(
      "Highlights",
      (summary.conversation_highlights ?? []).map(({ text, speaker }) =>
        speaker ? `“${escape(text)}” (${escape(speaker)})` : `“${escape(text)}”`,
      ),
    ),
    list(
      "Transcript",
      transcript.map((line) => `**${escape(line.speaker)}** ${clock(line.start_ms)}: ${escape(textOf(line))}`),
    ),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n");
}

/** What is to do, by whom, until when: one line. */
export function actionText(item: ActionItem): string {
  const details = [item.owner, item.due].filter((detail) => detail !== null && detail !== "");
  return details.length === 0 ? item.task : `${item.task} (${details.join(", ")})`;
}

export function fileName(session: Session): string {
  const words = session.title.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return `${words.slice(0, 8).join("-") || "conversation"}.md`;
}

function list(heading: string, items: readonly string[]): string {
  return items.length === 0 ? "" : [`## ${heading}`, items.map((item) => `- ${item}`).join("\n")].join("\n\n");
}

/** Spoken words are no markup. */
function escape(text: string): string {
  return text.replace(/[\\`*_[\]<>#]/g, "\\$&").replace(/\s+/g, " ");
}
