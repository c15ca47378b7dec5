/** A live call as components watch it: the reduced messages, the state of the connection, and what one may do. */
import type { JoinWish } from "./lib/api";
import { Call, type CallStatus } from "./lib/call";
import { giveFeedback, type FeedbackAction } from "./lib/guidance";
import { dismissFault, forgetPartials, initialState, isOver, reduce } from "./lib/state";
import type { JoinTicket, Role } from "./lib/types";
import { api } from "./server";

/** An end that nobody confirmed goes to the control API as well. */
const END_ANSWER_MS = 4_000;

export interface Place {
  readonly title: string;
  /** null for guests: they cannot manage the session. */
  readonly sessionId: string | null;
  readonly role: Role;
  readonly join: (wish: JoinWish) => Promise<JoinTicket>;
}

export class LiveCall {
  view = $state.raw(initialState);
  status = $state<CallStatus>("idle");
  error = $state.raw<Error | null>(null);
  audio = $state.raw<MediaStream | null>(null);
  participantId = $state<string | null>(null);
  isMuted = $state(false);
  isEnding = $state(false);
  private readonly call: Call;
  private readonly displayed = new Set<string>();

  constructor(
    readonly place: Place,
    wish: JoinWish,
    readonly microphone: MediaStream | null,
  ) {
    this.call = new Call({
      join: (previous) => place.join(previous === null ? wish : { ...wish, previous_ticket: previous }),
      createPeer: (configuration) => new RTCPeerConnection(configuration),
      postOffer: api.postOffer,
      deleteConnection: api.deleteConnection,
      microphone,
      onEvent: (event) => (this.view = reduce(this.view, event, Date.now())),
      onAudio: (stream) => (this.audio = stream),
      onStatus: (status, error) => this.enter(status, error),
      onParticipantId: (id) => (this.participantId = id),
    });
  }

  get isCoached(): boolean {
    return this.place.role === "host" || this.place.role === "supervisor";
  }

  get isHost(): boolean {
    return this.place.role === "host" && this.place.sessionId !== null;
  }

  get isOver(): boolean {
    return this.status === "ended" || isOver(this.view);
  }

  start(): void {
    void this.call.start();
  }

  leave(): void {
    this.call.stop();
  }

  hurry(): void {
    this.call.hurry();
  }

  mute(isMuted: boolean): void {
    this.isMuted = isMuted;
    this.call.setMuted(isMuted);
  }

  pause(isPaused: boolean): void {
    this.call.send({ type: isPaused ? "session.pause" : "session.unpause" });
  }

  /** The data channel is quickest; the control API works without one. */
  async end(): Promise<void> {
    this.isEnding = true;
    if (this.call.send({ type: "session.end" })) {
      setTimeout(() => void this.endThroughApi(), END_ANSWER_MS);
      return;
    }
    await this.endThroughApi();
  }

  answer(guidanceId: string, action: FeedbackAction): void {
    this.call.send({ type: "guidance.feedback", guidance_id: guidanceId, action });
    this.view = { ...this.view, guidance: giveFeedback(this.view.guidance, guidanceId, action) };
  }

  markDisplayed(guidanceId: string): void {
    if (this.displayed.has(guidanceId)) return;
    this.displayed.add(guidanceId);
    this.call.send({ type: "guidance.feedback", guidance_id: guidanceId, action: "displayed" });
  }

  dismissFault(seq: number): void {
    this.view = dismissFault(this.view, seq);
  }

  private async endThroughApi(): Promise<void> {
    if (this.isOver || this.place.sessionId === null) return;
    try {
      await api.endSession(this.place.sessionId);
    } catch (error) {
      this.isEnding = false;
      this.error = error as Error;
    }
  }

  private enter(status: CallStatus, error: Error | null): void {
    this.status = status;
    this.error = error;
    if (status === "reconnecting") this.view = forgetPartials(this.view);
  }
}
