/** The four kinds of conversation, with their words. */
import type { ConversationType } from "./types";

export const CONVERSATION_TYPES: readonly { readonly type: ConversationType; readonly name: string; readonly hint: string }[] = [
  { type: "sales", name: "Sales", hint: "find out needs, answer doubts, agree next steps" },
  { type: "support", name: "Support", hint: "understand a problem and solve it" },
  { type: "meeting", name: "Meeting", hint: "hear everybody, decide, share out work" },
  { type: "interview", name: "Interview", hint: "ask well and let the other one talk" },
];

export function typeName(type: ConversationType | null): string {
  return CONVERSATION_TYPES.find((one) => one.type === type)?.name ?? "Conversation";
}
