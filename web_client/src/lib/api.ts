/** The one place for every fetch: JSON in, typed documents out, problem documents (RFC 9457) as `ApiError`. */
import type { Consent } from "./consent";
import type * as t from "./types";

export const DEADLINE_MS = 15_000;
/** Of what a call needs to begin or to come back: a request that a dark network swallowed must not hold up the next one. */
export const JOIN_DEADLINE_MS = 5_000;

export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** Stable word for programs: `session_completed`, `unreachable`, … */
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export interface JoinWish {
  readonly name: string;
  readonly role?: t.Role;
  readonly shared_mic: boolean;
  readonly consent: Consent | null;
  /** Of an earlier join: whoever lost the connection comes back as the same participant. */
  readonly previous_ticket?: string;
}

export interface MediaAnswer {
  readonly sdp: string;
  /** Address of this connection on the media node, to end it with. */
  readonly location: string;
}

export type Api = ReturnType<typeof createApi>;

export function createApi(request: typeof fetch) {
  async function call<Body>(method: string, path: string, body?: unknown, deadlineMs?: number): Promise<Body> {
    const init = {
      method,
      headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const answer = await send(request, path, init, deadlineMs);
    return (answer.status === 204 ? undefined : await answer.json()) as Body;
  }
  const at = encodeURIComponent;

  return {
    redeemLink: (token: string) => call<{ me: t.SignedIn }>("POST", "/v1/auth/links/redeem", { token }),
    signIn: (email: string, password: string) => call<{ me: t.SignedIn }>("POST", "/v1/auth/sign-in", { email, password }),
    signInOptions: () => call<{ google: boolean }>("GET", "/v1/auth/options"),
    signUp: (email: string, full_name: string, timezone: string) =>
      call<void>("POST", "/v1/auth/sign-up", { email, full_name, timezone }),
    forgotPassword: (email: string) => call<void>("POST", "/v1/auth/password/forgot", { email }),
    choosePassword: (link: "verify" | "reset", token: string, password: string) =>
      call<{ me: t.SignedIn }>("POST", link === "verify" ? "/v1/auth/verify" : "/v1/auth/password/reset", { token, password }),
    verifyEmail: (token: string) => call<void>("POST", "/v1/auth/verify-email", { token }),
    onboard: (organization_name: string | null, timezone: string) =>
      call<t.SignedIn>("POST", "/v1/me/onboarding", { organization_name, timezone }),
    signOut: () => call<void>("POST", "/v1/auth/sign-out"),
    me: () => call<t.Me>("GET", "/v1/me"),
    profile: () => call<t.Profile>("GET", "/v1/me/profile"),
    orderDeletion: (password: string | null) => call<{ due_at: string }>("POST", "/v1/me/deletion", { password }),
    cancelDeletion: () => call<void>("DELETE", "/v1/me/deletion"),
    setPassword: (password: string, current_password: string | null) =>
      call<void>("PUT", "/v1/me/password", { password, current_password }),

    createSession: (title: string, conversation_type: t.ConversationType) =>
      call<t.Session>("POST", "/v1/sessions", { title, conversation_type }),
    listSessions: (cursor: string | null) =>
      call<t.Page<t.Session>>("GET", `/v1/sessions?limit=20${cursor === null ? "" : `&cursor=${at(cursor)}`}`),
    getSession: (id: string) => call<t.SessionDetail>("GET", `/v1/sessions/${at(id)}`),
    join: (id: string, wish: JoinWish) => call<t.JoinTicket>("POST", `/v1/sessions/${at(id)}/join`, wish, JOIN_DEADLINE_MS),
    endSession: (id: string) => call<{ state: string }>("POST", `/v1/sessions/${at(id)}/end`, {}),
    summary: (id: string) => call<t.Summary>("GET", `/v1/sessions/${at(id)}/summary`),
    guidance: (id: string) => call<{ items: t.GuidanceItem[] }>("GET", `/v1/sessions/${at(id)}/guidance`),

    async transcript(id: string): Promise<t.TranscriptItem[]> {
      const items: t.TranscriptItem[] = [];
      for (let since: number | null = 0; since !== null; ) {
        const page: t.TranscriptPage = await call("GET", `/v1/sessions/${at(id)}/transcript?since=${since}&limit=200`);
        items.push(...page.items);
        since = page.next_since;
      }
      return items;
    },

    createInvite: (id: string, role: t.Role) =>
      call<t.Invite>("POST", `/v1/sessions/${at(id)}/invites`, { name: null, role }),
    getInvite: (token: string) => call<t.Invitation>("GET", `/v1/invites/${at(token)}`),
    joinInvite: (token: string, wish: JoinWish) =>
      call<t.GuestTicket>("POST", `/v1/invites/${at(token)}/join`, wish, JOIN_DEADLINE_MS),

    getInvitation: (token: string) => call<t.MemberOffer>("GET", `/v1/invitations/${at(token)}`),
    acceptInvitation: (token: string) => call<void>("POST", `/v1/invitations/${at(token)}/accept`),
    declineInvitation: (token: string) => call<void>("POST", `/v1/invitations/${at(token)}/decline`),
    ownInvitations: () => call<{ items: readonly t.OwnOffer[] }>("GET", "/v1/invitations"),
    acceptOwnInvitation: (id: string) => call<void>("POST", `/v1/me/invitations/${at(id)}/accept`),
    declineOwnInvitation: (id: string) => call<void>("POST", `/v1/me/invitations/${at(id)}/decline`),
    getShared: (token: string) => call<t.SharedReport>("GET", `/v1/shared/${at(token)}`),

    /** The WHIP exchange (RFC 9725): one offer, one answer. */
    async postOffer(ticket: t.JoinTicket, sdp: string): Promise<MediaAnswer> {
      const headers = { Authorization: `Bearer ${ticket.ticket}`, "Content-Type": "application/sdp" };
      const answer = await send(request, ticket.media_url, { method: "POST", headers, body: sdp }, JOIN_DEADLINE_MS);
      const location = new URL(answer.headers.get("Location") ?? "", ticket.media_url).href;
      return { sdp: await answer.text(), location };
    },
    deleteConnection: (ticket: t.JoinTicket, location: string) =>
      send(request, location, {
        method: "DELETE",
        headers: { Authorization: `Bearer ${ticket.ticket}` },
        keepalive: true,
      }),
  };
}

async function send(
  request: typeof fetch,
  address: string,
  init: RequestInit,
  deadlineMs: number = DEADLINE_MS,
): Promise<Response> {
  let answer: Response;
  try {
    answer = await request(address, { ...init, signal: AbortSignal.timeout(deadlineMs) });
  } catch {
    throw new ApiError(0, "unreachable", "The server does not answer. Check that it runs and that you are online, then try again.");
  }
  if (answer.ok) return answer;
  throw await problem(answer);
}

async function problem(answer: Response): Promise<ApiError> {
  const document: unknown = await answer.json().catch(() => null);
  const { code, detail, title } = (document ?? {}) as Record<string, unknown>;
  const text = [detail, title].find((part) => typeof part === "string" && part !== "");
  return new ApiError(
    answer.status,
    typeof code === "string" ? code : `http_${answer.status}`,
    typeof text === "string" ? text : `The server refused this (${answer.status}). Try again in a moment.`,
  );
}
