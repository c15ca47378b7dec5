/** The documents of the control API, as the page uses them: what `api_types.ts` says, with the words of the wire. */
import type * as api from "./api_types";
import type { Evidence, ParticipantJoined, Word } from "./events";

export type Role = ParticipantJoined["role"];
export type ConversationType = api.NewSession["conversation_type"];

export type Me = api.Me;
/** Whoever has just signed in; without an organization there is nothing to see but the offer to create one. */
export type SignedIn = api.SignedInPerson;

interface OfType {
  readonly conversation_type: ConversationType | null;
}
interface OfRole {
  readonly role: Role;
}

export type Session = api.SessionView & OfType;
export type SessionParticipant = api.ParticipantView & OfRole;
export type SessionDetail = Omit<api.SessionDetail, "participants"> &
  OfType & { readonly participants: readonly SessionParticipant[] };

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

/** A browser takes the relays as they are. */
interface Relays {
  readonly ice_servers: RTCIceServer[];
}
export type JoinTicket = Omit<api.JoinView, keyof Relays> & Relays;
export type GuestTicket = Omit<api.GuestJoinView, keyof Relays> & Relays & OfRole;

export type Invite = api.InviteView & OfRole;
export type Invitation = Omit<api.InviteOffer, "session"> &
  OfRole & { readonly session: api.InvitedSession & OfType };

/** An invitation to become a member. */
export type MemberOffer = api.OfferView;
export type OwnOffer = api.OwnOfferView;
export type SharedReport = api.SharedReport & OfType;
export type Profile = api.ProfileView;

export type TranscriptItem = api.TranscriptView & { readonly words: readonly Word[] };
export type TranscriptPage = Omit<api.TranscriptList, "items"> & { readonly items: readonly TranscriptItem[] };

export type GuidanceItem = api.GuidanceView & {
  readonly guidance_type: "ask" | "clarify" | "avoid" | "suggest" | "warn";
  readonly evidence: readonly Evidence[];
};

export type ActionItem = api.ActionItemView;
export type Highlight = api.HighlightView;
export type Summary = api.SummaryView;
