/** The documents of the control API, as the page uses them. */
import type { ParticipantJoined, SessionStateChanged, Word, Evidence } from "./events";

export type Role = ParticipantJoined["role"];
export type ConversationType = "sales" | "support" | "meeting" | "interview";

export interface Me {
  readonly user: {
    readonly id: string;
    readonly email: string;
    readonly full_name: string | null;
    readonly has_password: boolean;
  };
  readonly organization: { readonly id: string; readonly name: string; readonly slug: string };
  readonly role: string;
}

export interface Session {
  readonly id: string;
  readonly title: string;
  readonly conversation_type: ConversationType | null;
  readonly status: "draft" | "active" | "completed" | "archived";
  readonly state: SessionStateChanged["state"] | "archived";
  readonly created_at: string;
  readonly recording_started_at: string | null;
  readonly recording_ended_at: string | null;
  readonly recording_duration_seconds: number;
  readonly total_words_spoken: number;
}

export interface SessionParticipant {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly joined_at: string | null;
  readonly left_at: string | null;
}

export interface SessionDetail extends Session {
  readonly participants: readonly SessionParticipant[];
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

export interface JoinTicket {
  readonly media_url: string;
  readonly ticket: string;
  readonly ice_servers: RTCIceServer[];
  readonly expires_at: string;
  readonly participant_id: string;
}

export interface GuestTicket extends JoinTicket {
  readonly session_id: string;
  readonly role: Role;
}

export interface Invite {
  readonly id: string;
  readonly url: string;
  readonly role: Role;
  readonly expires_at: string;
}

export interface Invitation {
  readonly session: { readonly title: string; readonly conversation_type: ConversationType | null };
  readonly organization: { readonly name: string };
  readonly role: Role;
  readonly name: string | null;
}

export interface TranscriptItem {
  readonly transcript_id: string;
  readonly sequence_number: number;
  readonly participant_id: string | null;
  readonly speaker: string;
  readonly start_ms: number;
  readonly end_ms: number | null;
  readonly text: string;
  readonly words: readonly Word[];
}

export interface TranscriptPage {
  readonly items: readonly TranscriptItem[];
  readonly latest_sequence_number: number;
  readonly next_since: number | null;
}

export interface GuidanceItem {
  readonly guidance_id: string;
  readonly guidance_type: "ask" | "clarify" | "avoid" | "suggest" | "warn";
  readonly content: string;
  readonly evidence: readonly Evidence[];
  readonly triggered_at_ms: number;
  readonly user_feedback: string | null;
}

export interface ActionItem {
  readonly task: string;
  readonly owner: string | null;
  readonly due: string | null;
}

export interface Highlight {
  readonly text: string;
  readonly speaker: string | null;
  readonly start_ms: number | null;
}

export interface Summary {
  readonly session_id: string;
  readonly generation_status: "pending" | "generating" | "completed" | "failed";
  readonly generation_error: string | null;
  readonly title: string | null;
  readonly tldr: string | null;
  readonly key_decisions: readonly string[] | null;
  readonly action_items: readonly ActionItem[] | null;
  readonly follow_up_questions: readonly string[] | null;
  readonly conversation_highlights: readonly Highlight[] | null;
  readonly full_transcript: string | null;
  readonly model_used: string | null;
}
