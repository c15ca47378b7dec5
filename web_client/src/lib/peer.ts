/** One connection to a media node: offer, answer, two data channels, and the news that it is lost. */
import type { ClientMessage, ServerEvent } from "./events";
import type { MediaAnswer } from "./api";
import type { JoinTicket } from "./types";
import { decode, EVENTS_CHANNEL_ID, LIVE_CHANNEL_ID, SUBPROTOCOL } from "./wire";

export const GATHERING_DEADLINE_MS = 3_000;
export const CONNECT_DEADLINE_MS = 15_000;
/** For whoever was connected before: it went quickly then, and another attempt may find what this one lacked. */
export const RETURN_DEADLINE_MS = 6_000;
export const PING_EVERY_MS = 1_000;
/** A connection that was answering pings and brings nothing for this long after one is lost: noticed within 6 s. */
export const SILENT_FOR_MS = 3_500;
/** The same when there is reason to doubt it: the browser has another network, or says that packets do not come through. */
export const DOUBTED_FOR_MS = 1_500;
const WATCH_EVERY_MS = 250;

export interface PeerParts {
  readonly createPeer: (configuration: RTCConfiguration) => RTCPeerConnection;
  readonly postOffer: (ticket: JoinTicket, sdp: string) => Promise<MediaAnswer>;
  readonly deleteConnection: (ticket: JoinTicket, location: string) => Promise<unknown>;
  readonly onEvent: (event: ServerEvent) => void;
  readonly onAudio: (stream: MediaStream) => void;
}

export interface Peer {
  send(message: ClientMessage): boolean;
  /** Settles once the connection is of no more use. */
  readonly lost: Promise<void>;
  /** Looks whether it is still there, with less patience. */
  doubt(): void;
  /** `isForGood` tells the node; without it the place is kept for whoever comes back. */
  close(isForGood: boolean): void;
}

/** `microphone` null joins to listen only. Resolves when messages can be sent. */
export async function openPeer(
  parts: PeerParts,
  ticket: JoinTicket,
  microphone: MediaStream | null,
  deadlineMs: number = CONNECT_DEADLINE_MS,
): Promise<Peer> {
  const pc = parts.createPeer({ iceServers: ticket.ice_servers });
  try {
    const events = openChannel(pc, "events", { id: EVENTS_CHANNEL_ID, ordered: true });
    const live = openChannel(pc, "live", { id: LIVE_CHANNEL_ID, ordered: false, maxRetransmits: 0 });
    pc.ontrack = ({ track, streams }) => parts.onAudio(streams[0] ?? new MediaStream([track]));
    const whenOpen = opened(events, pc);
    whenOpen.catch(() => undefined); // it may fail before anybody waits for it
    const location = await negotiate(parts, pc, ticket, microphone);
    await withDeadline(whenOpen, deadlineMs);
    return running(parts, pc, [events, live], () => parts.deleteConnection(ticket, location));
  } catch (error) {
    pc.close();
    throw error;
  }
}

/** Both sides create the channels with fixed ids: they must exist before the offer. */
function openChannel(pc: RTCPeerConnection, label: string, init: RTCDataChannelInit): RTCDataChannel {
  return pc.createDataChannel(label, { ...init, negotiated: true, protocol: SUBPROTOCOL });
}

async function negotiate(
  parts: PeerParts,
  pc: RTCPeerConnection,
  ticket: JoinTicket,
  microphone: MediaStream | null,
): Promise<string> {
  const track = microphone?.getAudioTracks()[0];
  if (microphone && track) pc.addTransceiver(track, { direction: "sendrecv", streams: [microphone] });
  else pc.addTransceiver("audio", { direction: "recvonly" });
  await pc.setLocalDescription(await pc.createOffer());
  await gathered(pc);
  const { sdp, location } = await parts.postOffer(ticket, pc.localDescription?.sdp ?? "");
  await pc.setRemoteDescription({ type: "answer", sdp });
  return location;
}

/** The exchange is one request, so the offer carries all candidates; a slow STUN server must not hold it up. */
function gathered(pc: RTCPeerConnection): Promise<void> {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_DEADLINE_MS);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}

function opened(channel: RTCDataChannel, pc: RTCPeerConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.addEventListener("open", () => resolve(), { once: true });
    channel.addEventListener("close", () => reject(new Error("channel closed")), { once: true });
    pc.addEventListener("connectionstatechange", () => {
      if (pc.connectionState === "failed") reject(new Error("transport failed"));
    });
  });
}

async function withDeadline(done: Promise<void>, deadlineMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("deadline")), deadlineMs);
  });
  try {
    await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

function running(
  parts: PeerParts,
  pc: RTCPeerConnection,
  channels: readonly [RTCDataChannel, RTCDataChannel],
  hangUp: () => Promise<unknown>,
): Peer {
  const [events] = channels;
  let waitingSince: number | null = null;
  let patienceMs = SILENT_FOR_MS;
  let isAnswered = false;
  let reportLost = () => {};
  const lost = new Promise<void>((resolve) => (reportLost = resolve));

  const send = (message: ClientMessage): boolean => {
    if (events.readyState !== "open") return false;
    events.send(JSON.stringify(message));
    return true;
  };
  const ping = () => {
    if (send({ type: "ping" })) waitingSince ??= performance.now();
  };
  const accept = ({ data }: MessageEvent) => {
    waitingSince = null;
    patienceMs = SILENT_FOR_MS;
    const event = decode(data);
    if (event === null) return;
    if (event.type === "pong") isAnswered = true;
    else parts.onEvent(event);
  };
  const doubt = () => {
    patienceMs = DOUBTED_FOR_MS;
    ping();
  };
  const beat = setInterval(ping, PING_EVERY_MS);
  const watch = setInterval(() => {
    if (isAnswered && waitingSince !== null && performance.now() - waitingSince > patienceMs) reportLost();
  }, WATCH_EVERY_MS);

  for (const channel of channels) {
    channel.addEventListener("message", accept);
    channel.addEventListener("close", reportLost);
  }
  pc.addEventListener("connectionstatechange", () => {
    if (pc.connectionState === "failed" || pc.connectionState === "closed") reportLost();
    if (pc.connectionState === "disconnected") doubt();
  });
  return {
    send,
    lost,
    doubt,
    close(isForGood) {
      clearInterval(beat);
      clearInterval(watch);
      pc.close();
      reportLost();
      // The node notices by itself when this request cannot reach it.
      if (isForGood) hangUp().catch(() => undefined);
    },
  };
}
