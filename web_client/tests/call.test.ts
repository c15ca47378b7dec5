import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../src/lib/api";
import { Call, FIRST_ATTEMPTS, RETRY_FOR_MS, type CallStatus } from "../src/lib/call";
import type { ServerEvent } from "../src/lib/events";
import { CONNECT_DEADLINE_MS, GATHERING_DEADLINE_MS, PING_EVERY_MS, SILENT_FOR_MS } from "../src/lib/peer";
import { final, joined, sessionState } from "./messages";
import { ScriptedPeer, type ScriptedChannel } from "./scripted_peer";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const later = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const gone = () => new ApiError(0, "unreachable", "The server does not answer.");

/** One participant whose tickets, offers and transport are scripted. */
function setUp(script: { gathers?: boolean; opens?: boolean } = {}) {
  const behaviour = { gathers: true, opens: true, ...script };
  const peers: ScriptedPeer[] = [];
  const offers: { ticket: string; sdp: string }[] = [];
  const hungUp: string[] = [];
  const statuses: CallStatus[] = [];
  const errors: Error[] = [];
  const events: ServerEvent[] = [];
  const refusals: Error[] = [];
  const previousTickets: (string | null)[] = [];
  let tickets = 0;
  const call = new Call({
    join: async (previous) => {
      previousTickets.push(previous);
      const refusal = refusals.shift();
      if (refusal) throw refusal;
      const ticket = `ticket ${++tickets}`;
      return { media_url: "http://media/whip/s", ticket, ice_servers: [], expires_at: "", participant_id: "p1" };
    },
    createPeer: () => {
      const peer = new ScriptedPeer(behaviour);
      peers.push(peer);
      return peer as unknown as RTCPeerConnection;
    },
    postOffer: async ({ ticket }, sdp) => {
      offers.push({ ticket, sdp });
      peers.at(-1)?.steps.push("post");
      return { sdp: "answer", location: `http://media/whip/s/${offers.length}` };
    },
    deleteConnection: async (_, location) => hungUp.push(location),
    microphone: null,
    onEvent: (event) => events.push(event),
    onAudio: () => {},
    onStatus: (status, error) => {
      statuses.push(status);
      if (error) errors.push(error);
    },
    onParticipantId: () => {},
  });
  const channel = (label: string): ScriptedChannel => {
    const found = peers.at(-1)?.channels.find((one) => one.label === label);
    if (!found) throw new Error(`no channel ${label}`);
    return found;
  };
  return { call, behaviour, peers, offers, hungUp, statuses, errors, events, refusals, previousTickets, channel };
}
const connected = async (script?: { gathers?: boolean; opens?: boolean }) => {
  const parts = setUp(script);
  const done = parts.call.start();
  await later();
  return { ...parts, done };
};
const hellos = (channel: ScriptedChannel) => channel.sent.filter((message) => message.type === "hello");

test("the channels exist before the offer and the candidates before the exchange", async () => {
  const { peers } = await connected();
  expect(peers[0]?.steps).toEqual(["channel events", "channel live", "offer", "gathered", "post", "answer"]);
});
test("the offer carries every candidate", async () => {
  const { offers } = await connected();
  expect(offers).toEqual([{ ticket: "ticket 1", sdp: "offer with candidates" }]);
});
test("slow gathering does not hold the exchange up for ever", async () => {
  const { offers } = await connected({ gathers: false });
  await later(GATHERING_DEADLINE_MS);
  expect(offers).toHaveLength(1);
});
test("the channels are negotiated as the protocol says", async () => {
  const { channel } = await connected();
  expect([channel("events").init, channel("live").init]).toEqual([
    { id: 0, ordered: true, negotiated: true, protocol: "liveconvo.v1" },
    { id: 1, ordered: false, maxRetransmits: 0, negotiated: true, protocol: "liveconvo.v1" },
  ]);
});
test("the first message asks for everything so far", async () => {
  const { channel } = await connected();
  expect(channel("events").sent[0]).toEqual({ type: "hello", last_seq: 0 });
});
test("without a microphone one only listens", async () => {
  const { peers } = await connected();
  expect(peers[0]?.directions).toEqual(["recvonly"]);
});
test("events of both channels arrive", async () => {
  const { channel, events } = await connected();
  channel("events").receive(final(1));
  channel("live").receive({ type: "metrics.updated", at_ms: 1, participants: [], silence_ms: 0, turns: 1 });
  expect(events.map((event) => event.type)).toEqual(["transcript.final", "metrics.updated"]);
});
test("what is no message is dropped", async () => {
  const { channel, events } = await connected();
  channel("events").receive([1, 2]);
  expect(events).toEqual([]);
});
test("a lost transport is replaced with a fresh ticket", async () => {
  const { peers, offers, statuses } = await connected();
  peers[0]?.fail();
  await later(1000);
  expect([offers.map((offer) => offer.ticket), statuses]).toEqual([
    ["ticket 1", "ticket 2"],
    ["connecting", "connected", "reconnecting", "connected"],
  ]);
});
test("coming back shows the ticket of before", async () => {
  const { peers, previousTickets } = await connected();
  peers[0]?.fail();
  await later(1000);
  expect(previousTickets).toEqual([null, "ticket 1"]);
});
test("coming back asks for what was missed", async () => {
  const { peers, channel } = await connected();
  channel("events").receive(final(41));
  peers[0]?.fail();
  await later(1000);
  expect(hellos(channel("events"))).toEqual([{ type: "hello", last_seq: 41 }]);
});
test("a closed channel is a lost transport", async () => {
  const { peers, channel } = await connected();
  channel("events").close();
  await later(1000);
  expect(peers).toHaveLength(2);
});
test("a node that stops answering pings is lost", async () => {
  const { peers, channel } = await connected();
  channel("live").receive({ type: "pong", at_ms: 0 });
  await later(SILENT_FOR_MS + 2 * PING_EVERY_MS + 1000);
  expect(peers.length).toBeGreaterThan(1);
});
test("a node that never answered a ping is not held to it", async () => {
  const { peers } = await connected();
  await later(SILENT_FOR_MS * 3);
  expect(peers).toHaveLength(1);
});
test("a node that answers every ping is kept", async () => {
  const { peers, channel } = await connected();
  for (let answered = 0; answered < 30; answered++) {
    channel("live").receive({ type: "pong", at_ms: 0 });
    await later(PING_EVERY_MS);
  }
  expect(peers).toHaveLength(1);
});
test("an unreachable server is tried again until it is back", async () => {
  const { peers, refusals, statuses } = await connected();
  refusals.push(gone(), gone(), gone(), gone());
  peers[0]?.fail();
  await later(20_000);
  expect(statuses.at(-1)).toBe("connected");
});
test("the first connection gives up after a few attempts", async () => {
  const parts = setUp();
  parts.refusals.push(...Array.from({ length: FIRST_ATTEMPTS }, gone));
  void parts.call.start();
  await later(10_000);
  expect([parts.statuses, parts.errors[0]]).toEqual([["connecting", "failed"], gone()]);
});
test("a lost call gives up in the end and says so", async () => {
  const { peers, refusals, statuses } = await connected();
  refusals.push(...Array.from({ length: 100 }, gone));
  peers[0]?.fail();
  await later(RETRY_FOR_MS + 10_000);
  expect(statuses.at(-1)).toBe("failed");
});
test("a failed call can be started again and goes on where it was", async () => {
  const { peers, refusals, channel, call } = await connected();
  channel("events").receive(final(9));
  refusals.push(new ApiError(403, "forbidden", "No."));
  peers[0]?.fail();
  await later(1000);
  void call.start();
  await later();
  expect(hellos(channel("events"))).toEqual([{ type: "hello", last_seq: 9 }]);
});
test("a refusal that stays is not tried again", async () => {
  const parts = setUp();
  parts.refusals.push(new ApiError(404, "session_not_found", "There is no such session."));
  void parts.call.start();
  await later(10_000);
  expect([parts.statuses, parts.offers]).toEqual([["connecting", "failed"], []]);
});
test("a call that is moving to another node is tried again", async () => {
  const { peers, refusals, statuses } = await connected();
  refusals.push(new ApiError(409, "call_elsewhere", "The call moves."));
  peers[0]?.fail();
  await later(3000);
  expect(statuses.at(-1)).toBe("connected");
});
test("a channel that never opens counts as an attempt", async () => {
  const { peers } = await connected({ opens: false });
  await later(CONNECT_DEADLINE_MS + 1000);
  expect([peers.length, peers[0]?.connectionState]).toEqual([2, "closed"]);
});
test("a completed session ends the call", async () => {
  const { channel, statuses, done } = await connected();
  channel("events").receive(sessionState(3, "completed"));
  await done;
  expect(statuses).toEqual(["connecting", "connected", "ended"]);
});
test("a call that nobody spoke in ends, and its replay ends no later one", async () => {
  const { channel, statuses, done } = await connected();
  channel("events").receive(sessionState(2, "draft"));
  expect(statuses.at(-1)).toBe("connected");
  channel("events").receive(joined(3));
  channel("events").receive(sessionState(4, "draft"));
  await done;
  expect(statuses).toEqual(["connecting", "connected", "ended"]);
});
test("who joined from another window does not come back by itself", async () => {
  const { call, channel, peers, errors, statuses, done } = await connected();
  channel("live").receive({ type: "call.taken_over", at_ms: 0 });
  await done;
  await later(RETRY_FOR_MS);
  expect([statuses, peers.length]).toEqual([["connecting", "connected", "failed"], 1]);
  expect(errors[0]?.message).toMatch(/another window/);
  void call.start();
  await later();
  expect([statuses.at(-1), peers.length]).toEqual(["connected", 2]);
});
test("a session that was completed meanwhile ends the call", async () => {
  const { peers, refusals, statuses } = await connected();
  refusals.push(new ApiError(409, "session_completed", "It is over."));
  peers[0]?.fail();
  await later(1000);
  expect(statuses.at(-1)).toBe("ended");
});
test("leaving hangs up on the node", async () => {
  const { call, hungUp, done } = await connected();
  call.stop();
  await done;
  expect(hungUp).toEqual(["http://media/whip/s/1"]);
});
test("leaving while it connects does not connect later", async () => {
  const { call, statuses, done } = await connected({ gathers: false });
  call.stop();
  await later(CONNECT_DEADLINE_MS);
  await done;
  expect(statuses).toEqual(["connecting", "ended"]);
});
test("a message without a connection is not sent and says so", () => {
  expect(setUp().call.send({ type: "session.end" })).toBe(false);
});
