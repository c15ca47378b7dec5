// Made by `.venv/bin/python -m control_api.typescript > web_client/src/lib/api_types.ts`; not to be edited.
/** The documents of the control API. */

export interface Accepted {
  readonly organization_id: string;
}

export interface ActionItemEdit {
  readonly task: string;
  readonly owner?: string | null;
  readonly due?: string | null;
}

export interface ActionItemView {
  readonly task: string;
  readonly owner: string | null;
  readonly due: string | null;
}

export interface AdministeredOrganization {
  readonly id: string;
  readonly name: string;
  readonly display_name: string | null;
  readonly slug: string;
  readonly website_url: string | null;
  readonly contact_email: string | null;
  readonly country_code: string | null;
  readonly is_active: boolean;
  readonly is_verified: boolean;
  readonly verification_requested_at: string | null;
  readonly created_at: string;
  readonly plan_name: string | null;
  readonly limits: OrganizationLimits;
  readonly usage: OrganizationUsage;
  readonly owners: readonly OwnerView[];
}

export interface ApiKeyList {
  readonly api_keys: readonly ApiKeyView[];
}

export interface ApiKeyMade {
  readonly id: string;
  /** The key's first characters */
  readonly key_prefix: string;
  readonly name: string;
  /** For whom it acts: it may never more than that member */
  readonly user_id: string;
  readonly scopes: readonly ("read" | "write" | "admin")[];
  readonly created_at: string;
  readonly expires_at: string | null;
  /** To within five minutes */
  readonly last_used_at: string | null;
  readonly revoked_at: string | null;
  /** The key itself: shown now and never again */
  readonly key: string;
}

export interface ApiKeyView {
  readonly id: string;
  /** The key's first characters */
  readonly key_prefix: string;
  readonly name: string;
  /** For whom it acts: it may never more than that member */
  readonly user_id: string;
  readonly scopes: readonly ("read" | "write" | "admin")[];
  readonly created_at: string;
  readonly expires_at: string | null;
  /** To within five minutes */
  readonly last_used_at: string | null;
  readonly revoked_at: string | null;
}

export interface ApplicantDecision {
  readonly status: "approved" | "rejected" | "invited";
  /** For administrators; left out, those of before stay */
  readonly notes?: string | null;
}

export interface ApplicantPage {
  /** Who has waited longest comes first */
  readonly items: readonly ApplicantView[];
  readonly counts: WaitlistCounts;
  readonly next_cursor: string | null;
}

export interface ApplicantView {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly company: string;
  readonly use_case: string;
  readonly status: string;
  readonly notes: string | null;
  readonly referral_source: string | null;
  readonly interest_level: string | null;
  readonly approved_at: string | null;
  readonly created_at: string;
}

export interface AttemptView {
  readonly at: string;
  readonly duration_ms: number;
  /** What was answered; null: nothing */
  readonly status: number | null;
  /** Null: it arrived. Else status, redirect, timeout, not_connected, connection_lost, tls, no_http, name_unknown, address_refused or secret_unreadable */
  readonly error: string | null;
  /** The beginning of an answer that is no 2xx */
  readonly body: string;
}

export interface AuditEntryView {
  readonly id: number;
  readonly at: string;
  readonly actor_kind: string;
  readonly actor_id: string | null;
  readonly action: string;
  readonly target_kind: string;
  readonly target_id: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AuditPage {
  readonly items: readonly AuditEntryView[];
  /** Pass as `before` for the next page; null at the end */
  readonly next_before: number | null;
}

export interface AuditQuery {
  readonly action?: string | null;
  readonly actor_id?: string | null;
  readonly target_id?: string | null;
  readonly before?: number | null;
  readonly limit?: number;
}

/** What is usual in this metric; null is open on that side. */
export interface Band {
  readonly kind: "band";
  readonly metric: "talk_ratio" | "longest_monologue_ms" | "patience_ms" | "pace_wpm" | "filler_rate" | "silence_ms" | "question_wait_ms";
  readonly low: number | null;
  readonly high: number | null;
  readonly why: string;
}

export interface Because {
  /** Why; kept in the audit log */
  readonly reason: "abuse" | "security" | "payment" | "request" | "mistake" | "other";
}

export interface Bulk {
  readonly action: "archive" | "unarchive" | "delete" | "restore";
  readonly ids: readonly string[];
}

export interface BulkOutcome {
  readonly id: string;
  readonly is_done: boolean;
  /** Why not: the code of the problem that it would have been alone */
  readonly code: string | null;
}

export interface BulkResult {
  readonly items: readonly BulkOutcome[];
}

export interface ChainCheck {
  readonly is_whole: boolean;
  /** The first entry that is not as it was written, or does not follow */
  readonly first_broken: number | null;
}

export interface Checklist {
  readonly items: readonly ItemView[];
}

export interface ChosenPlan {
  readonly plan_id: string;
}

export interface Clone {
  readonly name: string;
  readonly scope?: "organization" | "personal";
}

export interface CommandView {
  readonly id: string;
  readonly kind: string;
  readonly state: "pending" | "done" | "refused" | "not_carried_out";
  /** What the node said; null while it has said nothing */
  readonly outcome: string | null;
  readonly created_at: string;
  readonly acknowledged_at: string | null;
}

export interface Component {
  readonly name: string;
  readonly status: "ok" | "degraded" | "down";
  /** Of an answer or a write; how long ago a node was heard of; how long the oldest job has been due */
  readonly latency_ms: number | null;
  readonly detail: string;
  readonly figures: Readonly<Record<string, number>>;
}

/** What the participant agreed to, and when; without it one only listens. */
export interface Consent {
  readonly version: string;
  readonly at: string;
}

export interface ContextView {
  readonly text: string | null;
  /** Earlier sessions; those that are gone are left out */
  readonly linked: readonly LinkedView[];
}

/** What the host is told when that rule fires. */
export interface Cue {
  readonly kind: "cue";
  readonly cue: "long_monologue" | "talk_ratio" | "unanswered_question" | "interruption" | "pace" | "fillers" | "silence";
  readonly guidance_type: "ask" | "clarify" | "avoid" | "suggest" | "warn";
  readonly priority: number;
  readonly when: string;
  readonly say: string;
}

export interface CurrentOrganization {
  readonly organization_id: string;
}

export interface Day {
  /** A calendar day in UTC */
  readonly day: string;
  /** Accounts made on that day, those that were deleted since too */
  readonly sign_ups: number;
  /** Sessions made on that day, those that were deleted since too */
  readonly sessions: number;
  /** Recorded on that day, to the second, as it is metered */
  readonly audio_hours: string;
}

export interface Deletion {
  /** Needed once a password is set */
  readonly password?: string | null;
}

export interface DeletionOrdered {
  /** When the account is erased, unless it is cancelled before */
  readonly due_at: string;
}

export interface DeliveryDetail {
  readonly id: string;
  /** The webhook-id of every attempt */
  readonly message_id: string;
  readonly event_type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly status: "pending" | "delivered" | "failed";
  /** Since it was made, or replayed */
  readonly attempts: number;
  /** Null: there is none */
  readonly next_attempt_at: string | null;
  readonly response_status: number | null;
  readonly created_at: string;
  readonly delivered_at: string | null;
  /** The last attempts, the oldest first */
  readonly log: readonly AttemptView[];
}

export interface DeliveryPage {
  readonly items: readonly DeliveryView[];
  readonly next_cursor: string | null;
}

export interface DeliveryQuery {
  readonly status?: "pending" | "delivered" | "failed" | null;
  readonly cursor?: string | null;
  readonly limit?: number;
}

export interface DeliveryView {
  readonly id: string;
  /** The webhook-id of every attempt */
  readonly message_id: string;
  readonly event_type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly status: "pending" | "delivered" | "failed";
  /** Since it was made, or replayed */
  readonly attempts: number;
  /** Null: there is none */
  readonly next_attempt_at: string | null;
  readonly response_status: number | null;
  readonly created_at: string;
  readonly delivered_at: string | null;
}

export interface DevicePage {
  readonly devices: readonly DeviceView[];
  readonly next_cursor: string | null;
}

export interface DeviceView {
  readonly id: string;
  /** Whether it is the one that asks */
  readonly is_current: boolean;
  readonly device_type: string | null;
  readonly browser: string | null;
  readonly os: string | null;
  readonly ip_address: string | null;
  readonly started_at: string;
  readonly last_activity_at: string;
}

export interface DocumentEdit {
  readonly name: string;
}

export interface DocumentText {
  /** What it says; null if it was not read. Pages end with a form feed */
  readonly text: string | null;
}

export interface DocumentView {
  readonly id: string;
  readonly session_id: string;
  /** Who gave it */
  readonly user_id: string;
  readonly name: string;
  /** By its content: pdf, docx, txt, md, csv, json, png, jpg */
  readonly file_type: string;
  readonly size_bytes: number;
  /** pending, processing, completed, failed */
  readonly status: string;
  /** Why nothing was read */
  readonly error_code: string | null;
  /** The same in words */
  readonly error: string | null;
  readonly has_file: boolean;
  readonly created_at: string;
}

export interface Documents {
  readonly documents: readonly DocumentView[];
}

export interface DoorOpened {
  readonly id: string;
}

export interface DoorView {
  readonly id: string;
  readonly user_id: string;
  readonly organization_id: string;
  readonly reason: string;
  readonly opened_at: string;
  readonly expires_at: string;
  readonly closed_at: string | null;
}

export interface Doors {
  readonly items: readonly DoorView[];
}

export interface Ended {
  readonly state: "draft" | "active" | "paused" | "finalizing" | "completed" | "archived";
}

export interface EventTypeList {
  readonly items: readonly EventTypeView[];
}

export interface EventTypeView {
  readonly type: "session.created" | "session.started" | "session.ended" | "session.deleted" | "summary.ready" | "summary.failed" | "recording.ready" | "recording.failed" | "document.ready" | "document.failed" | "member.joined" | "member.removed" | "usage.warning";
  readonly description: string;
  /** The fields of its `data` */
  readonly data: readonly string[];
}

export interface EvidenceView {
  readonly transcript_id: string;
  readonly quote: string;
}

export interface ExportQuery {
  readonly format?: "markdown" | "text" | "json" | "webvtt" | "srt" | "pdf" | "docx";
}

export interface Feedback {
  readonly action: "displayed" | "clicked" | "dismissed" | "helpful" | "irrelevant" | "too_late";
}

export interface Figures {
  /** Accounts that are not deleted */
  readonly users: number;
  /** Of them, deactivated */
  readonly inactive_users: number;
  /** People who used a sign-in within the last 24 hours */
  readonly active_users_day: number;
  /** Within the last 7 days */
  readonly active_users_week: number;
  /** Within the last 30 days */
  readonly active_users_month: number;
  /** That are not deleted */
  readonly organizations: number;
  /** Of them, suspended */
  readonly suspended_organizations: number;
  /** Organizations that wait to be verified */
  readonly verifications_asked_for: number;
  /** That are not deleted, drafts too */
  readonly sessions: number;
  /** Recorded since the beginning, as it is metered */
  readonly audio_hours: string;
  /** The same since this month began (UTC) */
  readonly audio_hours_month: string;
  /** Active sessions whose call a media node holds now */
  readonly live_calls: number;
  /** Participants who joined one of these and have not left */
  readonly people_in_calls: number;
  readonly waitlist: WaitlistCounts;
  /** By plan: active, on trial or past due */
  readonly subscriptions: Readonly<Record<string, number>>;
  /** An estimate: list prices of active and past-due subscriptions, a twelfth of yearly ones */
  readonly monthly_revenue: string;
  /** The last days, today among them, oldest first */
  readonly days: readonly Day[];
}

export interface FiguresQuery {
  readonly days?: number;
}

export interface Following {
  readonly last_seq?: number | null;
  readonly lastEventId?: number | null;
}

export interface Forgot {
  readonly email: string;
}

export interface FoundLine {
  readonly transcript_id: string;
  readonly sequence_number: number;
  readonly speaker: string;
  readonly start_ms: number;
  readonly end_ms: number | null;
  readonly excerpt: readonly Piece[];
}

export interface FoundSession {
  readonly id: string;
  readonly title: string;
  readonly conversation_type: string | null;
  readonly status: string;
  readonly created_at: string;
}

export interface FoundView {
  readonly kind: "title" | "transcript" | "summary";
  readonly session: FoundSession;
  /** Of a transcript's line, as what follows; else null */
  readonly transcript_id: string | null;
  readonly sequence_number: number | null;
  readonly speaker: string | null;
  readonly start_ms: number | null;
  readonly end_ms: number | null;
  /** Plain text in pieces: joined, an excerpt; those that were found are hits */
  readonly excerpt: readonly Piece[];
}

/** What Google sends the browser back with; it may add to it. */
export interface GoogleAnswer {
  readonly state?: string;
  /** Empty: it was refused */
  readonly code?: string;
}

export interface GuestJoinView {
  /** POST the SDP offer here, with the ticket as bearer (WHIP, RFC 9725) */
  readonly media_url: string;
  readonly ticket: string;
  readonly ice_servers: readonly IceServer[];
  readonly expires_at: string;
  readonly participant_id: string;
  readonly session_id: string;
  readonly role: string;
}

export interface GuestLinkPage {
  readonly items: readonly GuestLinkView[];
  readonly next_cursor: string | null;
}

export interface GuestLinkView {
  readonly id: string;
  readonly role: string;
  readonly name: string | null;
  readonly created_by: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly revoked_at: string | null;
}

export interface GuidanceList {
  readonly items: readonly GuidanceView[];
}

export interface GuidanceStatistics {
  readonly shown: number;
  readonly helpful: number;
  readonly irrelevant: number;
  readonly too_late: number;
  /** Of those that were judged; null while none was */
  readonly helpful_share: number | null;
  readonly by_kind: readonly ReceptionView[];
}

export interface GuidanceView {
  readonly guidance_id: string;
  readonly guidance_type: string;
  readonly priority: number;
  readonly content: string;
  readonly cue: string | null;
  readonly evidence: readonly EvidenceView[];
  readonly triggered_at_ms: number | null;
  readonly transcript_id: string | null;
  readonly was_displayed: boolean;
  readonly was_clicked: boolean;
  readonly was_dismissed: boolean;
  readonly user_feedback: string | null;
}

export interface HandGuidance {
  readonly content: string;
  readonly guidance_type?: "ask" | "clarify" | "avoid" | "suggest" | "warn";
  readonly priority?: number;
  readonly role?: "host" | "supervisor" | "participant" | null;
}

export interface Health {
  readonly status: "ok";
}

export interface HighlightView {
  readonly text: string;
  readonly speaker: string;
  readonly start_ms: number;
}

/** One entry of a browser's RTCConfiguration.iceServers. */
export interface IceServer {
  readonly urls: readonly string[];
  /** Unix time of expiry and participant id */
  readonly username: string;
  readonly credential: string;
}

export interface InvitationList {
  readonly status?: "pending" | "accepted" | "declined" | "expired" | "cancelled" | null;
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface InvitationMade {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly message: string | null;
  readonly status: string;
  readonly expires_at: string;
  readonly invited_by_user_id: string;
  readonly accepted_by_user_id: string | null;
  readonly created_at: string;
  /** What the person who was invited opens; told here and in their mail, and kept nowhere */
  readonly url: string;
}

export interface InvitationPage {
  readonly items: readonly InvitationView[];
  readonly next_cursor: string | null;
}

export interface InvitationView {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly message: string | null;
  readonly status: string;
  readonly expires_at: string;
  readonly invited_by_user_id: string;
  readonly accepted_by_user_id: string | null;
  readonly created_at: string;
}

export interface InviteOffer {
  readonly session: InvitedSession;
  readonly organization: InvitingOrganization;
  readonly role: string;
  readonly name: string | null;
}

export interface InviteView {
  readonly id: string;
  readonly url: string;
  readonly token: string;
  readonly role: string;
  readonly expires_at: string;
}

export interface InvitedSession {
  readonly title: string;
  readonly conversation_type: string | null;
}

export interface InvitingOrganization {
  readonly name: string;
}

export interface ItemEdit {
  readonly status: "open" | "done";
}

export interface ItemView {
  readonly id: string;
  readonly text: string;
  readonly status: string;
  readonly created_by: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface JoinView {
  /** POST the SDP offer here, with the ticket as bearer (WHIP, RFC 9725) */
  readonly media_url: string;
  readonly ticket: string;
  readonly ice_servers: readonly IceServer[];
  readonly expires_at: string;
  readonly participant_id: string;
}

export interface Joining {
  readonly name: string;
  readonly shared_mic?: boolean;
  readonly consent?: Consent | null;
  readonly previous_ticket?: string | null;
}

export interface JoiningMember {
  readonly name: string;
  readonly shared_mic?: boolean;
  readonly consent?: Consent | null;
  readonly previous_ticket?: string | null;
  readonly role: "host" | "participant" | "supervisor" | "customer";
}

/** What is left out stays. */
export interface LineEdit {
  readonly text?: string;
  readonly speaker?: string;
}

export interface LineHistory {
  readonly items: readonly RevisionView[];
}

export interface LineQuery {
  /** Words, "a phrase", `or`, `-without` */
  readonly q: string;
  readonly limit?: number;
}

export interface LinesFound {
  /** Best first */
  readonly items: readonly FoundLine[];
}

export interface LinkAndPassword {
  /** Of the link in the mail */
  readonly token: string;
  readonly password: string;
}

export interface LinkedView {
  readonly id: string;
  readonly title: string;
  readonly created_at: string;
}

export interface ListedOrganizationPage {
  readonly items: readonly ListedOrganizationView[];
  readonly next_cursor: string | null;
}

export interface ListedOrganizationView {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly is_active: boolean;
  readonly is_verified: boolean;
  readonly verification_requested_at: string | null;
  /** Active ones */
  readonly members: number;
  readonly plan_name: string | null;
  readonly created_at: string;
}

export interface ListedUserView {
  readonly id: string;
  readonly email: string;
  readonly full_name: string | null;
  readonly is_active: boolean;
  readonly is_admin: boolean;
  readonly email_verified: boolean;
  readonly current_organization_id: string | null;
  /** In how many they are active */
  readonly organizations: number;
  readonly last_login_at: string | null;
  readonly deletion_due_at: string | null;
  readonly created_at: string;
}

export interface LogPage {
  readonly items: readonly LogView[];
  readonly next_cursor: string | null;
}

export interface LogQuery {
  readonly level?: "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL" | null;
  /** A logger and those below it, such as `control_api.mail` */
  readonly component?: string | null;
  readonly since?: string | null;
  readonly until?: string | null;
  readonly session_id?: string | null;
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface LogView {
  readonly id: string;
  readonly level: string;
  readonly logger_name: string | null;
  /** Static text: no speech, names, addresses or tokens */
  readonly message: string;
  readonly user_id: string | null;
  readonly session_id: string | null;
  readonly module: string | null;
  readonly function_name: string | null;
  readonly line_number: number | null;
  /** Where an error came from and what it was, without its message */
  readonly exception_traceback: string | null;
  readonly request_id: string | null;
  readonly endpoint: string | null;
  readonly created_at: string;
}

export interface MailSent {
  /** The same for every address; what the mail says depends on who has it */
  readonly status?: "mail_sent";
}

export interface Me {
  readonly user: UserView;
  readonly organization: OrganizationView;
  readonly role: string;
}

/** What is left out stays; a limit of null is no limit of their own. */
export interface MemberEdit {
  readonly role?: "owner" | "admin" | "member";
  readonly status?: "active" | "inactive";
  readonly permissions?: readonly ("sessions.read" | "sessions.create" | "sessions.share" | "guests.invite" | "templates.create" | "calls.moderate")[];
  readonly monthly_audio_hours_limit?: number | null;
  readonly max_sessions_per_month?: number | null;
}

export interface MemberList {
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface MemberPage {
  readonly items: readonly MemberView[];
  readonly next_cursor: string | null;
}

export interface MemberView {
  readonly user_id: string;
  readonly email: string;
  readonly full_name: string | null;
  readonly role: string;
  readonly status: string;
  /** What a member may do beyond reading; empty: everything */
  readonly permissions: readonly string[];
  readonly monthly_audio_hours_limit: number | null;
  readonly max_sessions_per_month: number | null;
  readonly total_sessions_count: number;
  readonly current_month_minutes_used: number;
  readonly last_session_at: string | null;
  readonly joined_at: string;
}

export interface MembershipView {
  /** Of the organization */
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly status: string;
  /** In which something was recorded */
  readonly sessions: number;
  readonly minutes_this_month: number;
}

export interface MomentView {
  readonly id: string;
  readonly event_timestamp: string;
  readonly title: string;
  readonly description: string | null;
  readonly type: string;
  readonly importance: string;
}

export interface Month {
  readonly begins_at: string;
  /** When everything that is counted by month begins anew; UTC */
  readonly ends_at: string;
}

export interface NewApiKey {
  readonly name: string;
  /** read: GET; write: everything else; admin: what only owners and admins do. Each stands for itself. */
  readonly scopes: readonly ("read" | "write" | "admin")[];
  /** Null: never */
  readonly expires_at?: string | null;
}

export interface NewApplicant {
  readonly name: string;
  readonly email: string;
  readonly company: string;
  readonly use_case: "sales" | "consulting" | "hiring" | "support" | "other";
  readonly referral_source?: string | null;
}

export interface NewCommand {
  readonly id?: string | null;
  readonly kind: "end" | "remove_participant" | "mute" | "unmute" | "pause" | "unpause" | "off_record" | "on_record" | "guide";
  readonly participant_id?: string | null;
  readonly guidance?: HandGuidance | null;
}

/** In place of all that was there. */
export interface NewContext {
  readonly text?: string | null;
  readonly linked_session_ids?: readonly string[];
}

export interface NewDoor {
  /** For those who manage it to read */
  readonly reason: string;
  readonly minutes: number;
}

export interface NewInvitation {
  readonly email: string;
  readonly role?: "owner" | "admin" | "member";
  readonly message?: string | null;
}

export interface NewInvite {
  readonly name?: string | null;
  readonly role?: "participant" | "supervisor" | "customer";
}

export interface NewItem {
  readonly text: string;
}

/** All three; null: the plan's counts. */
export interface NewLimits {
  readonly monthly_audio_hours_limit: number | null;
  readonly max_members: number | null;
  readonly max_sessions_per_month: number | null;
}

export interface NewOrganization {
  readonly name: string;
  readonly timezone?: string;
}

export interface NewPassword {
  readonly password: string;
  /** Needed once a password is set */
  readonly current_password?: string | null;
}

export interface NewPlan {
  readonly description?: string | null;
  /** Null: free, or agreed with each customer */
  readonly price_monthly?: number | string | null;
  readonly price_yearly?: number | string | null;
  readonly stripe_price_id_monthly?: string | null;
  readonly stripe_price_id_yearly?: string | null;
  readonly monthly_audio_hours_limit?: number | null;
  /** Wins over the hours */
  readonly monthly_audio_minutes_limit?: number | null;
  readonly max_documents_per_session?: number | null;
  readonly max_file_size_mb?: number | null;
  readonly max_sessions_per_month?: number | null;
  readonly max_organization_members?: number | null;
  readonly max_guidance_requests_per_session?: number | null;
  readonly has_real_time_guidance?: boolean;
  readonly has_advanced_summaries?: boolean;
  readonly has_export_options?: boolean;
  readonly has_email_summaries?: boolean;
  readonly has_api_access?: boolean;
  readonly has_custom_templates?: boolean;
  readonly has_priority_support?: boolean;
  readonly has_analytics_dashboard?: boolean;
  readonly has_team_collaboration?: boolean;
  readonly ai_model_access?: readonly string[];
  readonly summary_generation_priority?: number;
  readonly is_featured?: boolean;
  readonly sort_order?: number;
  readonly name: string;
  readonly plan_type?: string;
  readonly display_name: string;
}

export interface NewSession {
  readonly title: string;
  readonly conversation_type: "sales" | "support" | "meeting" | "interview";
  readonly selected_template_id?: string | null;
  readonly tags?: readonly string[];
  readonly context?: NewContext | null;
}

export interface NewShareLink {
  readonly tabs: readonly ("summary" | "transcript" | "guidance" | "metrics")[];
  readonly expires_in_days?: number | null;
  readonly message?: string | null;
  readonly recipient_email?: string | null;
}

export interface NewTemplate {
  readonly name: string;
  readonly description?: string | null;
  readonly conversation_type?: "sales" | "support" | "meeting" | "interview" | null;
  readonly scope?: "organization" | "personal";
  readonly guidance_prompts?: readonly (Cue | Prompt | Band)[];
  readonly context_instructions?: string | null;
  readonly summary_template?: string | null;
}

export interface NewWebhook {
  /** https, and a public address: others are refused, now or when something is sent */
  readonly url: string;
  readonly event_types: readonly ("session.created" | "session.started" | "session.ended" | "session.deleted" | "summary.ready" | "summary.failed" | "recording.ready" | "recording.failed" | "document.ready" | "document.failed" | "member.joined" | "member.removed" | "usage.warning")[];
}

/** What whoever holds the link may know before signing in. */
export interface OfferView {
  readonly email: string;
  readonly role: string;
  readonly organization_name: string;
  readonly expires_at: string;
}

export interface Onboarding {
  /** By default the person's name says it */
  readonly organization_name?: string | null;
  readonly timezone?: string;
}

export interface OrganizationDetail {
  readonly id: string;
  readonly name: string;
  readonly display_name: string | null;
  readonly slug: string;
  readonly description: string | null;
  readonly website_url: string | null;
  readonly contact_email: string | null;
  readonly phone: string | null;
  readonly address_line_1: string | null;
  readonly address_line_2: string | null;
  readonly city: string | null;
  readonly state_province: string | null;
  readonly postal_code: string | null;
  readonly country_code: string | null;
  readonly default_timezone: string;
  readonly default_language: string;
  readonly branding_logo_url: string | null;
  readonly branding_primary_color: string | null;
  /** For owners and admins; null for others */
  readonly tax_id: string | null;
  /** For owners and admins; null for others */
  readonly billing_email: string | null;
  readonly monthly_audio_hours_limit: number | null;
  readonly max_members: number | null;
  readonly max_sessions_per_month: number | null;
  readonly is_verified: boolean;
  readonly verification_requested_at: string | null;
  readonly created_at: string;
}

/** What is left out stays; null empties it. */
export interface OrganizationEdit {
  readonly name?: string;
  readonly display_name?: string | null;
  readonly description?: string | null;
  readonly website_url?: string | null;
  readonly contact_email?: string | null;
  readonly phone?: string | null;
  readonly address_line_1?: string | null;
  readonly address_line_2?: string | null;
  readonly city?: string | null;
  readonly state_province?: string | null;
  readonly postal_code?: string | null;
  readonly country_code?: string | null;
  readonly default_timezone?: string;
  readonly default_language?: string;
  readonly branding_logo_url?: string | null;
  readonly branding_primary_color?: string | null;
  readonly tax_id?: string | null;
  readonly billing_email?: string | null;
  readonly monthly_audio_hours_limit?: number | null;
  readonly max_members?: number | null;
  readonly max_sessions_per_month?: number | null;
}

/** Of the organization itself; null: its plan's count. */
export interface OrganizationLimits {
  readonly monthly_audio_hours_limit: number | null;
  readonly max_members: number | null;
  readonly max_sessions_per_month: number | null;
}

export interface OrganizationQuery {
  /** Part of a name or a slug */
  readonly q?: string | null;
  readonly is_active?: boolean | null;
  readonly is_verified?: boolean | null;
  readonly awaits_verification?: boolean | null;
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface OrganizationUsage {
  /** Active ones */
  readonly members: number;
  /** Made since the month began (UTC), deleted ones too */
  readonly sessions_this_month: number;
  /** Of those who belong to it, each rounded up */
  readonly minutes_this_month: number;
  readonly live_calls: number;
}

export interface OrganizationView {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
}

export interface OwnOfferView {
  readonly email: string;
  readonly role: string;
  readonly organization_name: string;
  readonly expires_at: string;
  readonly id: string;
  readonly organization_id: string;
  readonly message: string | null;
}

export interface OwnOffers {
  readonly items: readonly OwnOfferView[];
}

export interface OwnOrganizationView {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly role: string;
}

export interface OwnOrganizations {
  readonly items: readonly OwnOrganizationView[];
}

export interface OwnerView {
  readonly id: string;
  readonly email: string;
  readonly full_name: string | null;
}

export interface Page {
  readonly limit?: number;
  /** `next_cursor` of the page before */
  readonly cursor?: string | null;
}

export interface ParticipantView {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly source: string;
  readonly shared_mic: boolean;
  readonly joined_at: string | null;
  readonly left_at: string | null;
}

export interface PassageQuery {
  /** What is being talked about */
  readonly q: string;
  readonly limit?: number;
}

export interface PassageView {
  readonly document_id: string;
  readonly original_filename: string;
  readonly session_id: string;
  /** Which passage of the document, from 0 on */
  readonly position: number;
  /** From 1 on; null: the document has no pages */
  readonly page: number | null;
  readonly content: string;
  readonly language: string;
  readonly rank: number;
}

export interface Passages {
  readonly passages: readonly PassageView[];
}

export interface Piece {
  readonly text: string;
  readonly is_hit: boolean;
}

export interface PlanBought {
  readonly name: string | null;
  readonly display_name: string | null;
  readonly has_api_access: boolean;
  readonly has_real_time_guidance: boolean;
  readonly has_advanced_summaries: boolean;
  readonly has_export_options: boolean;
  readonly has_email_summaries: boolean;
  readonly has_custom_templates: boolean;
  readonly has_analytics_dashboard: boolean;
  readonly has_team_collaboration: boolean;
  readonly max_documents_per_session: number | null;
  readonly max_file_size_mb: number | null;
}

/** What is left out stays. Name and type never change; whoever has the plan has the new limits at once. */
export interface PlanEdit {
  readonly description?: string | null;
  /** Null: free, or agreed with each customer */
  readonly price_monthly?: number | string | null;
  readonly price_yearly?: number | string | null;
  readonly stripe_price_id_monthly?: string | null;
  readonly stripe_price_id_yearly?: string | null;
  readonly monthly_audio_hours_limit?: number | null;
  /** Wins over the hours */
  readonly monthly_audio_minutes_limit?: number | null;
  readonly max_documents_per_session?: number | null;
  readonly max_file_size_mb?: number | null;
  readonly max_sessions_per_month?: number | null;
  readonly max_organization_members?: number | null;
  readonly max_guidance_requests_per_session?: number | null;
  readonly has_real_time_guidance?: boolean;
  readonly has_advanced_summaries?: boolean;
  readonly has_export_options?: boolean;
  readonly has_email_summaries?: boolean;
  readonly has_api_access?: boolean;
  readonly has_custom_templates?: boolean;
  readonly has_priority_support?: boolean;
  readonly has_analytics_dashboard?: boolean;
  readonly has_team_collaboration?: boolean;
  readonly ai_model_access?: readonly string[];
  readonly summary_generation_priority?: number;
  readonly is_featured?: boolean;
  readonly sort_order?: number;
  readonly display_name?: string;
}

export interface PlanMade {
  readonly id: string;
}

export interface PlanView {
  readonly id: string;
  readonly name: string;
  readonly display_name: string;
  readonly description: string | null;
  readonly plan_type: string;
  readonly price_monthly: string | null;
  readonly price_yearly: string | null;
  readonly stripe_price_id_monthly: string | null;
  readonly stripe_price_id_yearly: string | null;
  readonly monthly_audio_hours_limit: number | null;
  readonly monthly_audio_minutes_limit: number | null;
  readonly max_documents_per_session: number | null;
  readonly max_file_size_mb: number | null;
  readonly max_sessions_per_month: number | null;
  readonly max_organization_members: number | null;
  readonly max_guidance_requests_per_session: number | null;
  readonly has_real_time_guidance: boolean;
  readonly has_advanced_summaries: boolean;
  readonly has_export_options: boolean;
  readonly has_email_summaries: boolean;
  readonly has_api_access: boolean;
  readonly has_custom_templates: boolean;
  readonly has_priority_support: boolean;
  readonly has_analytics_dashboard: boolean;
  readonly has_team_collaboration: boolean;
  readonly ai_model_access: readonly string[];
  readonly summary_generation_priority: number;
  /** On offer; who has a retired one keeps it */
  readonly is_active: boolean;
  readonly is_featured: boolean;
  readonly sort_order: number;
  /** How many have it at present */
  readonly subscriptions: number;
}

export interface Plans {
  readonly items: readonly PlanView[];
}

/** RFC 9457; `code` is stable */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  /** Names the fault in the server's log */
  readonly instance?: string;
  /** With a limit: what is used of it */
  readonly used?: number;
  /** With a limit: what it is */
  readonly limit?: number;
  readonly errors?: readonly ({ readonly field: string; readonly message: string })[];
}

/** What is left out stays; null empties. */
export interface ProfileChange {
  readonly full_name?: string | null;
  readonly timezone?: string | null;
  readonly default_microphone_id?: string | null;
  readonly default_speaker_id?: string | null;
  readonly personal_context?: string | null;
}

export interface ProfileView {
  readonly id: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly full_name: string | null;
  readonly timezone: string;
  readonly default_microphone_id: string | null;
  readonly default_speaker_id: string | null;
  /** What the coach should know */
  readonly personal_context: string | null;
  readonly current_organization_id: string | null;
  readonly has_completed_onboarding: boolean;
  readonly is_admin: boolean;
  readonly created_at: string;
  /** When the account will be erased; null: it stays */
  readonly deletion_due_at: string | null;
}

/** A situation that a language model recognizes, and what the host is told then. */
export interface Prompt {
  readonly kind: "prompt";
  readonly name: string;
  readonly guidance_type: "ask" | "clarify" | "avoid" | "suggest" | "warn";
  readonly priority: number;
  readonly when: string;
  readonly say: string;
}

export interface Readiness {
  readonly status: "ready" | "unavailable";
  readonly reasons: readonly string[];
  readonly degraded: readonly string[];
}

export interface Received {
  /** The same, whether the address waits already or not */
  readonly status: "received";
}

export interface ReceptionView {
  readonly guidance_type: string;
  readonly cue: string | null;
  readonly shown: number;
  readonly displayed: number;
  readonly clicked: number;
  readonly dismissed: number;
  readonly helpful: number;
  readonly irrelevant: number;
  readonly too_late: number;
}

export interface RecordingList {
  readonly items: readonly RecordingView[];
}

export interface RecordingQuery {
  /** Which text everybody who is heard agreed to; without it no recording is taken */
  readonly consent: string;
}

export interface RecordingView {
  readonly id: string;
  readonly participant_id: string | null;
  readonly media_type: string;
  readonly started_at_ms: number;
  readonly duration_ms: number;
  readonly size_bytes: number;
  readonly created_at: string;
  /** processing, ready, failed; what a call recorded is ready */
  readonly status: string;
  /** Why it was not written down */
  readonly error_code: string | null;
  /** The same in words */
  readonly error: string | null;
}

export interface RedeemLink {
  readonly token: string;
}

export interface Replay {
  /** What happened before is left alone */
  readonly since: string;
}

export interface Replayed {
  readonly count: number;
}

export interface RevisionView {
  readonly revision: number;
  readonly text: string;
  readonly speaker: string;
  readonly replaced_by: string | null;
  readonly replaced_at: string;
}

export interface SearchQuery {
  /** Words, "a phrase", `or`, `-without` */
  readonly q: string;
  /** title, transcript, summary: those to look in, with commas */
  readonly kinds?: string;
  /** In one session alone */
  readonly session_id?: string | null;
  readonly conversation_type?: "sales" | "support" | "meeting" | "interview" | null;
  /** Of sessions made at this moment or later */
  readonly created_from?: string | null;
  /** The first moment that is too late */
  readonly created_to?: string | null;
  readonly limit?: number;
}

export interface SearchResult {
  /** Best first */
  readonly items: readonly FoundView[];
}

export interface SecretRotation {
  /** How long the secret before signs as well; 0 when somebody has it who should not */
  readonly overlap_hours?: number;
}

export interface SessionCounts {
  readonly draft?: number;
  readonly active?: number;
  readonly completed?: number;
  readonly archived?: number;
}

export interface SessionDetail {
  readonly id: string;
  /** Who made it, and is its host */
  readonly user_id: string;
  readonly title: string;
  readonly conversation_type: string | null;
  readonly status: string;
  /** The status, with what is under way: paused, finalizing */
  readonly state: "draft" | "active" | "paused" | "finalizing" | "completed" | "archived";
  readonly selected_template_id: string | null;
  readonly tags: readonly string[];
  /** Who is shown guidance */
  readonly coached_roles: readonly string[];
  readonly data_retention_days: number;
  readonly created_at: string;
  readonly recording_started_at: string | null;
  readonly recording_ended_at: string | null;
  readonly recording_duration_seconds: number;
  readonly total_words_spoken: number;
  readonly user_talk_time_seconds: number;
  readonly silence_periods_count: number;
  readonly finalized_at: string | null;
  readonly participants: readonly ParticipantView[];
}

/** What is left out stays. */
export interface SessionEdit {
  readonly title?: string;
  readonly conversation_type?: "sales" | "support" | "meeting" | "interview";
  readonly selected_template_id?: string | null;
  readonly tags?: readonly string[];
  readonly coached_roles?: readonly ("host" | "supervisor" | "participant")[];
  readonly data_retention_days?: number;
}

export interface SessionList {
  readonly status?: "draft" | "active" | "completed" | "archived" | null;
  readonly state?: "draft" | "active" | "paused" | "finalizing" | "completed" | "archived" | null;
  readonly conversation_type?: "sales" | "support" | "meeting" | "interview" | null;
  readonly created_from?: string | null;
  readonly created_to?: string | null;
  readonly participant?: string | null;
  readonly tag?: string | null;
  readonly user_id?: string | null;
  readonly q?: string | null;
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface SessionPage {
  readonly items: readonly SessionView[];
  readonly next_cursor: string | null;
}

export interface SessionView {
  readonly id: string;
  /** Who made it, and is its host */
  readonly user_id: string;
  readonly title: string;
  readonly conversation_type: string | null;
  readonly status: string;
  /** The status, with what is under way: paused, finalizing */
  readonly state: "draft" | "active" | "paused" | "finalizing" | "completed" | "archived";
  readonly selected_template_id: string | null;
  readonly tags: readonly string[];
  /** Who is shown guidance */
  readonly coached_roles: readonly string[];
  readonly data_retention_days: number;
  readonly created_at: string;
  readonly recording_started_at: string | null;
  readonly recording_ended_at: string | null;
  readonly recording_duration_seconds: number;
  readonly total_words_spoken: number;
  readonly user_talk_time_seconds: number;
  readonly silence_periods_count: number;
  readonly finalized_at: string | null;
}

export interface ShareLinkMade {
  readonly id: string;
  readonly shared_tabs: readonly string[];
  readonly message: string | null;
  readonly recipient_email: string | null;
  readonly created_by: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly access_count: number;
  readonly last_accessed_at: string | null;
  /** Told once, and kept nowhere */
  readonly url: string;
  readonly token: string;
}

export interface ShareLinkView {
  readonly id: string;
  readonly shared_tabs: readonly string[];
  readonly message: string | null;
  readonly recipient_email: string | null;
  readonly created_by: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly access_count: number;
  readonly last_accessed_at: string | null;
}

export interface ShareLinks {
  readonly items: readonly ShareLinkView[];
}

export interface SharedGuidance {
  readonly guidance_type: string;
  readonly content: string;
  readonly triggered_at_ms: number | null;
}

export interface SharedLine {
  readonly speaker: string;
  readonly start_ms: number;
  readonly text: string;
}

export interface SharedMetrics {
  readonly recording_duration_seconds: number;
  readonly total_words_spoken: number;
  readonly user_talk_time_seconds: number;
  readonly silence_periods_count: number;
}

/** A tab that was not shared is null. */
export interface SharedReport {
  readonly title: string;
  readonly conversation_type: string | null;
  readonly recording_started_at: string | null;
  readonly message: string | null;
  readonly tabs: readonly string[];
  readonly summary: SharedSummary | null;
  readonly transcript: readonly SharedLine[] | null;
  /** Whether more was said than the first lines, which are here */
  readonly is_cut: boolean;
  readonly guidance: readonly SharedGuidance[] | null;
  readonly metrics: SharedMetrics | null;
}

export interface SharedSummary {
  readonly tldr: string | null;
  readonly key_decisions: readonly string[];
  readonly action_items: readonly ActionItemView[];
  readonly follow_up_questions: readonly string[];
  readonly conversation_highlights: readonly HighlightView[];
}

export interface SignIn {
  readonly email: string;
  readonly password: string;
}

export interface SignInOptions {
  /** Whether one can sign in with Google */
  readonly google: boolean;
  /** Whether accounts are given to the waiting list only */
  readonly is_gated: boolean;
}

export interface SignUp {
  readonly email: string;
  readonly full_name: string;
  readonly timezone?: string;
}

export interface SignedIn {
  /** For clients that are no browser: send it as a bearer */
  readonly token: string;
  readonly me: SignedInPerson;
}

export interface SignedInPerson {
  readonly user: UserView;
  /** Null: create one, or accept an invitation */
  readonly organization: OrganizationView | null;
  readonly role: string | null;
}

export interface SignedOut {
  /** How many ended */
  readonly sign_ins: number;
}

/** What is left out stays; a list takes the place of the one before. */
export interface SummaryEdit {
  readonly title?: string;
  readonly tldr?: string;
  readonly key_decisions?: readonly string[];
  readonly action_items?: readonly ActionItemEdit[];
  readonly follow_up_questions?: readonly string[];
  readonly is_marked_done?: boolean;
}

export interface SummaryView {
  readonly session_id: string;
  readonly generation_status: "pending" | "generating" | "completed" | "failed";
  readonly generation_error: string | null;
  readonly title: string | null;
  readonly tldr: string | null;
  readonly key_decisions: readonly string[];
  readonly action_items: readonly ActionItemView[];
  readonly follow_up_questions: readonly string[];
  readonly conversation_highlights: readonly HighlightView[];
  readonly full_transcript: string | null;
  readonly structured_notes: string | null;
  readonly model_used: string | null;
  readonly generation_time_seconds: number | null;
  readonly is_marked_done: boolean;
  /** How often those who may change the session took it along */
  readonly export_count: number;
  readonly last_exported_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface SystemHealth {
  /** The worst of them */
  readonly status: "ok" | "degraded" | "down";
  readonly measured_at: string;
  readonly components: readonly Component[];
}

/** What is left out stays. */
export interface TemplateEdit {
  readonly name?: string;
  readonly description?: string | null;
  readonly conversation_type?: "sales" | "support" | "meeting" | "interview" | null;
  readonly guidance_prompts?: readonly (Cue | Prompt | Band)[];
  readonly context_instructions?: string | null;
  readonly summary_template?: string | null;
  readonly is_public?: boolean;
  readonly is_active?: boolean;
}

export interface TemplateList {
  readonly conversation_type?: "sales" | "support" | "meeting" | "interview" | null;
  readonly scope?: "system" | "organization" | "personal" | null;
  readonly is_active?: boolean;
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface TemplateSummary {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly conversation_type: string | null;
  readonly scope: "system" | "organization" | "personal";
  readonly is_public: boolean;
  readonly is_active: boolean;
  readonly version: number;
  readonly usage_count: number;
  readonly last_used_at: string | null;
  readonly created_at: string;
}

export interface TemplateView {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly conversation_type: string | null;
  readonly scope: "system" | "organization" | "personal";
  readonly is_public: boolean;
  readonly is_active: boolean;
  readonly version: number;
  readonly usage_count: number;
  readonly last_used_at: string | null;
  readonly created_at: string;
  /** Cues, prompts and bands */
  readonly guidance_prompts: readonly (Readonly<Record<string, unknown>>)[];
  readonly context_instructions: string | null;
  readonly summary_template: string | null;
}

export interface Templates {
  readonly items: readonly TemplateSummary[];
  readonly next_cursor: string | null;
}

export interface Timeline {
  readonly items: readonly MomentView[];
  readonly next_cursor: string | null;
}

export interface TimelinePageQuery {
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface TranscriptList {
  readonly items: readonly TranscriptView[];
  readonly latest_sequence_number: number;
  /** Pass as `since` for the next page; null at the end */
  readonly next_since: number | null;
}

export interface TranscriptPage {
  readonly since?: number;
  readonly limit?: number;
}

export interface TranscriptView {
  readonly transcript_id: string;
  readonly sequence_number: number;
  readonly utterance_id: string | null;
  readonly participant_id: string | null;
  readonly speaker: string;
  readonly start_ms: number;
  readonly end_ms: number | null;
  /** Empty: something was said here and could not be transcribed; its times hold */
  readonly text: string;
  readonly words: readonly WordView[];
  readonly confidence: number | null;
  readonly language: string | null;
  readonly revision: number;
}

export interface Transfer {
  readonly user_id: string;
}

export interface UploadQuery {
  /** What the file is called */
  readonly name: string;
}

export interface UsageView {
  readonly month: Month;
  readonly plan: PlanBought;
  /** One's own, this month; refused beyond it: `audio_limit` */
  readonly audio_minutes: Used;
  /** Made in the organization this month, deleted ones too: `session_limit` */
  readonly sessions: Used;
  /** Of them, one's own: `member_session_limit` */
  readonly own_sessions: Used;
  /** Active ones: `member_limit` */
  readonly members: Used;
}

export interface Used {
  readonly used: number;
  /** Null: unlimited; 0: none */
  readonly limit: number | null;
  /** Null: unlimited */
  readonly remaining: number | null;
}

export interface UserDetail {
  readonly id: string;
  readonly email: string;
  readonly full_name: string | null;
  readonly timezone: string;
  readonly is_active: boolean;
  readonly is_admin: boolean;
  readonly email_verified: boolean;
  readonly has_password: boolean;
  readonly has_google: boolean;
  readonly current_organization_id: string | null;
  readonly last_login_at: string | null;
  readonly deletion_due_at: string | null;
  readonly created_at: string;
  /** Devices that are signed in */
  readonly sign_ins: number;
  readonly organizations: readonly MembershipView[];
}

export interface UserPage {
  readonly items: readonly ListedUserView[];
  readonly next_cursor: string | null;
}

export interface UserQuery {
  /** Part of an address or a name */
  readonly q?: string | null;
  readonly is_active?: boolean | null;
  readonly is_admin?: boolean | null;
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface UserView {
  readonly id: string;
  readonly email: string;
  readonly full_name: string | null;
  readonly has_password: boolean;
}

export interface VerificationDecision {
  readonly decision: "approve" | "refuse";
  /** For the owner, by mail; a refusal needs one */
  readonly reason?: string | null;
}

export interface WaitlistCounts {
  readonly pending?: number;
  readonly approved?: number;
  readonly rejected?: number;
  readonly invited?: number;
}

export interface WaitlistQuery {
  readonly status?: "pending" | "approved" | "rejected" | "invited";
  readonly limit?: number;
  readonly cursor?: string | null;
}

/** What is left out stays. */
export interface WebhookEdit {
  readonly url?: string;
  readonly event_types?: readonly ("session.created" | "session.started" | "session.ended" | "session.deleted" | "summary.ready" | "summary.failed" | "recording.ready" | "recording.failed" | "document.ready" | "document.failed" | "member.joined" | "member.removed" | "usage.warning")[];
  /** False: told nothing; what waits already goes on waiting */
  readonly is_active?: boolean;
}

export interface WebhookList {
  readonly items: readonly WebhookView[];
}

export interface WebhookMade {
  readonly id: string;
  readonly url: string;
  readonly event_types: readonly string[];
  readonly is_active: boolean;
  /** Why it was switched off: failing, gone (it answered 410), secret_unreadable; null: nobody did */
  readonly disabled_reason: string | null;
  /** Null: the last delivery arrived */
  readonly failing_since: string | null;
  readonly previous_secret_until: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  /** What signatures are made with: shown now and never again */
  readonly secret: string;
}

export interface WebhookView {
  readonly id: string;
  readonly url: string;
  readonly event_types: readonly string[];
  readonly is_active: boolean;
  /** Why it was switched off: failing, gone (it answered 410), secret_unreadable; null: nobody did */
  readonly disabled_reason: string | null;
  /** Null: the last delivery arrived */
  readonly failing_since: string | null;
  readonly previous_secret_until: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface WordView {
  readonly text: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly probability: number;
}
