/**
 * A participant's side of a live call, without any page: join, exchange, events in, messages out, and coming back
 * with a fresh ticket and the last `seq` when the transport is lost.
 *
 * States: idle → connecting → connected ⇄ reconnecting | moving → ended | failed; failed → connecting by `start`.
 * Moving is reconnecting because the node said so. Every wait is drawn at random around its length, so that people who
 * were lost at the same moment do not come back at the same moment.
 */
import { ApiError } from "./api";
import type { ClientMessage, ServerEvent, SessionStateChanged } from "./events";
import { CONNECT_DEADLINE_MS, openPeer, RETURN_DEADLINE_MS, type Peer, type PeerParts } from "./peer";
import type { JoinTicket } from "./types";
import { seqOf } from "./wire";

export type CallStatus = "idle" | "connecting" | "connected" | "reconnecting" | "moving" | "ended" | "failed";

export const BACK_OFF_MS: readonly number[] = [300, 700, 1500];
/** How long a call that was connected tries to come back. */
export const RETRY_FOR_MS = 120_000;
/** How often a call that never was connected tries; while the server says that it is busy, for how long. */
export const FIRST_ATTEMPTS = 3;
export const FIRST_FOR_MS = 60_000;

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
  /** The lost connection whose place the node still keeps. */
  private lostPeer: Peer | null = null;
  /** 0 asks for everything that was said so far. */
  private lastSeq = 0;
  private previousTicket: string | null = null;
  private participantId: string | null = null;
  private isAnnounced = false;
  /** In which time to come back, when the node said that the call moves. */
  private moveWithinMs: number | null = null;
  private wake: () => void = () => {};

  constructor(private readonly parts: CallParts) {}

  /** Runs until the call has ended or cannot be reached any more. */
  async start(): Promise<void> {
    this.enter("connecting");
    let failures = 0;
    let lastConnectedAt: number | null = null;
    const begunAt = performance.now();
    while (!this.isOver) {
      try {
        await this.connect(lastConnectedAt === null ? CONNECT_DEADLINE_MS : RETURN_DEADLINE_MS);
        failures = 0;
        await this.peer?.lost;
        lastConnectedAt = performance.now();
        this.closePeer(false);
      } catch (error) {
        if (this.isOver) return;
        failures += 1;
        if (isCompleted(error)) return this.enter("ended");
        if (isHopeless(error) || isTooLate(error, failures, begunAt, lastConnectedAt)) return this.enter("failed", asError(error));
      }
      if (this.isOver) return;
      const moveWithinMs = this.moveWithinMs;
      this.moveWithinMs = null;
      if (lastConnectedAt !== null) this.enter(moveWithinMs !== null || this.status === "moving" ? "moving" : "reconnecting");
      await this.pause(moveWithinMs === null ? backOff(failures) : Math.random() * moveWithinMs);
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

  /** The network is back, or another one: tries again now, or looks whether the connection is still there. */
  hurry(): void {
    this.wake();
    this.peer?.doubt();
  }

  private get isOver(): boolean {
    return this.status === "ended" || this.status === "failed";
  }

  private async connect(deadlineMs: number): Promise<void> {
    const ticket = await this.parts.join(this.previousTicket);
    this.previousTicket = ticket.ticket;
    this.participantId = ticket.participant_id;
    this.parts.onParticipantId(ticket.participant_id);
    const parts = { ...this.parts, onEvent: (event: ServerEvent) => this.accept(event) };
    const peer = await openPeer(parts, ticket, this.parts.microphone, deadlineMs);
    if (this.isOver) return peer.close(true);
    this.peer = peer;
    this.lostPeer = null;
    peer.send({ type: "hello", last_seq: this.lastSeq });
    this.enter("connected");
  }

  private accept(event: ServerEvent): void {
    this.lastSeq = Math.max(this.lastSeq, seqOf(event) ?? 0);
    this.parts.onEvent(event);
    if (event.type === "participant.joined" && event.participant_id === this.participantId) this.isAnnounced = true;
    if (event.type === "session.state" && this.isEnd(event.state)) this.finish();
    if (event.type === "call.taken_over") this.giveWay();
    if (event.type === "call.moved") this.move(event.within_ms);
  }

  /** A call in which nobody spoke ends in a draft. One that was replayed is older than our own joining. */
  private isEnd(state: SessionStateChanged["state"]): boolean {
    return state === "completed" || (state === "draft" && this.isAnnounced);
  }

  private move(withinMs: number): void {
    if (this.moveWithinMs !== null) return;
    this.moveWithinMs = withinMs;
    this.closePeer(false);
  }

  /** The same person joined elsewhere: coming back by itself would throw that connection out. */
  private giveWay(): void {
    this.enter("failed", new Error("You joined this call from another window or device. It goes on there."));
    this.closePeer(false);
  }

  private finish(): void {
    if (!this.isOver) this.enter("ended");
    this.closePeer(true);
    this.wake();
  }

  private closePeer(isForGood: boolean): void {
    this.lostPeer = this.peer ?? this.lostPeer;
    this.lostPeer?.close(isForGood);
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

function backOff(failures: number): number {
  return (BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)] ?? 0) * (0.5 + Math.random());
}

function isTooLate(error: unknown, failures: number, begunAt: number, lastConnectedAt: number | null): boolean {
  const isBusy = error instanceof ApiError && error.status === 503;
  if (lastConnectedAt === null && isBusy) return performance.now() - begunAt > FIRST_FOR_MS;
  if (lastConnectedAt === null) return failures >= FIRST_ATTEMPTS;
  return performance.now() - lastConnectedAt > RETRY_FOR_MS;
}

function asError(error: unknown): Error {
  if (error instanceof ApiError) return error;
  return new Error("The call does not connect. A firewall may block it; try another network, or ask whoever runs the server.");
}
