/** A live call as components watch it: the reduced messages, the state of the connection, and what one may do. */
import type { JoinWish } from "./lib/api";
import { Call, type CallStatus } from "./lib/call";
import { giveFeedback, type FeedbackAction } from "./lib/guidance";
import type { ServerEvent } from "./lib/events";
import { dismissFault, forgetPartials, initialState, isOver, reduce, type Participant } from "./lib/state";
import { again, nothingOff, switchedOff, type Switches } from "./lib/switches";
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
  isEnding = $state(false);
  private wanted = $state.raw(nothingOff);
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
      onEvent: (event) => this.accept(event),
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

  get me(): Participant | null {
    return this.view.participants.find((one) => one.participant_id === this.participantId) ?? null;
  }

  /** What is off of oneself: the voice, the others' voices. */
  get off(): Switches {
    return switchedOff(this.wanted, this.me);
  }

  switch(what: keyof Switches): void {
    this.wanted = { ...this.wanted, [what]: !this.off[what] };
    this.call.send({ type: "audio.set", muted: null, deafened: null, [what]: this.wanted[what] });
    this.call.setMuted(this.off.muted);
  }

  /** The host's; nobody can unmute somebody else. */
  muteOther(participantId: string): void {
    this.call.send({ type: "participant.mute", participant_id: participantId });
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

  private accept(event: ServerEvent): void {
    this.view = reduce(this.view, event, Date.now());
    this.call.setMuted(this.off.muted);
  }

  private enter(status: CallStatus, error: Error | null): void {
    this.status = status;
    this.error = error;
    if (status === "reconnecting" || status === "moving") this.view = forgetPartials(this.view);
    const said = status === "connected" ? again(this.wanted) : null;
    if (said !== null) this.call.send(said);
  }
}
