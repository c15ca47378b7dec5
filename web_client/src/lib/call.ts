/**
 * A participant's side of a live call, without any page: join, exchange, events in, messages out, and coming back
 * with a fresh ticket and the last `seq` when the transport is lost.
 *
 * States: idle → connecting → connected ⇄ reconnecting → ended | failed; failed → connecting by `start`.
 */
import { ApiError } from "./api";
import type { ClientMessage, ServerEvent, SessionStateChanged } from "./events";
import { openPeer, type Peer, type PeerParts } from "./peer";
import type { JoinTicket } from "./types";
import { seqOf } from "./wire";

export type CallStatus = "idle" | "connecting" | "connected" | "reconnecting" | "ended" | "failed";

export const BACK_OFF_MS: readonly number[] = [300, 700, 1500, 3000, 5000];
/** How long a call that was connected tries to come back. */
export const RETRY_FOR_MS = 120_000;
/** How often a call that never was connected tries. */
export const FIRST_ATTEMPTS = 3;

export interface CallParts extends Omit<PeerParts, "onEvent"> {
  /** A fresh ticket: every connection needs its own. The one before makes it the same participant's. */
  readonly join: (previous: string | null) => Promise<JoinTicket>;
  readonly microphone: MediaStream | null;
  readonly onEvent: (event: ServerEvent) => void;
  readonly onStatus: (status: CallStatus, error: Error | null) => void;
  readonly onParticipantId: (participantId: string) => void;
}

export class Call {
  private status: CallStatus = "idle";
  private peer: Peer | null = null;
  /** 0 asks for everything that was said so far. */
  private lastSeq = 0;
  private previousTicket: string | null = null;
  private participantId: string | null = null;
  private isAnnounced = false;
  private wake: () => void = () => {};

  constructor(private readonly parts: CallParts) {}

  /** Runs until the call has ended or cannot be reached any more. */
  async start(): Promise<void> {
    this.enter("connecting");
    let failures = 0;
    let lastConnectedAt: number | null = null;
    while (!this.isOver) {
      try {
        await this.connect();
        failures = 0;
        await this.peer?.lost;
        lastConnectedAt = performance.now();
        this.closePeer();
      } catch (error) {
        if (this.isOver) return;
        failures += 1;
        if (isCompleted(error)) return this.enter("ended");
        if (isHopeless(error) || isTooLate(failures, lastConnectedAt)) return this.enter("failed", asError(error));
      }
      if (this.isOver) return;
      if (lastConnectedAt !== null) this.enter("reconnecting");
      await this.pause(BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)] ?? 0);
    }
  }

  /** False when the message could not be sent because there is no connection now. */
  send(message: ClientMessage): boolean {
    return this.peer?.send(message) ?? false;
  }

  setMuted(isMuted: boolean): void {
    for (const track of this.parts.microphone?.getAudioTracks() ?? []) track.enabled = !isMuted;
  }

  /** Leaves for good and lets the microphone go. */
  stop(): void {
    this.finish();
    for (const track of this.parts.microphone?.getTracks() ?? []) track.stop();
  }

  /** Tries again now instead of at the end of the present wait (the network is back, say). */
  hurry(): void {
    this.wake();
  }

  private get isOver(): boolean {
    return this.status === "ended" || this.status === "failed";
  }

  private async connect(): Promise<void> {
    const ticket = await this.parts.join(this.previousTicket);
    this.previousTicket = ticket.ticket;
    this.participantId = ticket.participant_id;
    this.parts.onParticipantId(ticket.participant_id);
    const peer = await openPeer({ ...this.parts, onEvent: (event) => this.accept(event) }, ticket, this.parts.microphone);
    if (this.isOver) return peer.close();
    this.peer = peer;
    peer.send({ type: "hello", last_seq: this.lastSeq });
    this.enter("connected");
  }

  private accept(event: ServerEvent): void {
    this.lastSeq = Math.max(this.lastSeq, seqOf(event) ?? 0);
    this.parts.onEvent(event);
    if (event.type === "participant.joined" && event.participant_id === this.participantId) this.isAnnounced = true;
    if (event.type === "session.state" && this.isEnd(event.state)) this.finish();
    if (event.type === "call.taken_over") this.giveWay();
  }

  /** A call in which nobody spoke ends in a draft. One that was replayed is older than our own joining. */
  private isEnd(state: SessionStateChanged["state"]): boolean {
    return state === "completed" || (state === "draft" && this.isAnnounced);
  }

  /** The same person joined elsewhere: coming back by itself would throw that connection out. */
  private giveWay(): void {
    this.enter("failed", new Error("You joined this call from another window or device. It goes on there."));
    this.closePeer();
  }

  private finish(): void {
    if (!this.isOver) this.enter("ended");
    this.closePeer();
    this.wake();
  }

  private closePeer(): void {
    this.peer?.close();
    this.peer = null;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private enter(status: CallStatus, error: Error | null = null): void {
    if (status === this.status) return;
    this.status = status;
    this.parts.onStatus(status, error);
  }
}

function isCompleted(error: unknown): boolean {
  return error instanceof ApiError && error.code === "session_completed";
}

/** Refusals that another attempt cannot change. 401 is a late ticket and 409 a call that is moving: both pass. */
function isHopeless(error: unknown): boolean {
  return error instanceof ApiError && [400, 403, 404, 410, 413, 415, 422].includes(error.status);
}

function isTooLate(failures: number, lastConnectedAt: number | null): boolean {
  if (lastConnectedAt === null) return failures >= FIRST_ATTEMPTS;
  return performance.now() - lastConnectedAt > RETRY_FOR_MS;
}

function asError(error: unknown): Error {
  if (error instanceof ApiError) return error;
  return new Error("The call does not connect. A firewall may block it; try another network, or ask whoever runs the server.");
}
