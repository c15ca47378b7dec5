import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../src/lib/api";
import { Call, FIRST_ATTEMPTS, FIRST_FOR_MS, RETRY_FOR_MS, type CallStatus } from "../src/lib/call";
import type { ServerEvent } from "../src/lib/events";
import { CONNECT_DEADLINE_MS, DOUBTED_FOR_MS, GATHERING_DEADLINE_MS, PING_EVERY_MS, RETURN_DEADLINE_MS, SILENT_FOR_MS } from "../src/lib/peer";
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
test("a silent connection is noticed within six seconds", async () => {
  const { channel, statuses } = await connected();
  channel("live").receive({ type: "pong", at_ms: 0 });
  await later(SILENT_FOR_MS - 500);
  expect(statuses.at(-1)).toBe("connected");
  await later(6_000 - SILENT_FOR_MS);
  expect(statuses).toContain("reconnecting");
});
test("with another network a connection that is dead is replaced sooner", async () => {
  const { call, channel, statuses } = await connected();
  channel("live").receive({ type: "pong", at_ms: 0 });
  call.hurry();
  await later(DOUBTED_FOR_MS - 200);
  expect(statuses.at(-1)).toBe("connected");
  await later(700);
  expect(statuses).toContain("reconnecting");
});
test("a connection that is doubted and answers is kept, with the patience of before", async () => {
  const { call, channel, peers } = await connected();
  channel("live").receive({ type: "pong", at_ms: 0 });
  call.hurry();
  await later(1000);
  channel("live").receive({ type: "pong", at_ms: 0 });
  await later(SILENT_FOR_MS - 500);
  expect(peers).toHaveLength(1);
});
test("packets that do not come through are a reason to doubt", async () => {
  const { peers, channel, statuses } = await connected();
  channel("live").receive({ type: "pong", at_ms: 0 });
  peers[0]?.disconnect();
  await later(DOUBTED_FOR_MS + 500);
  expect(statuses).toContain("reconnecting");
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
test("a server that is busy at first is tried for longer, and not for ever", async () => {
  const busy = () => new ApiError(503, "node_draining", "Try again.");
  const parts = setUp();
  parts.refusals.push(...Array.from({ length: FIRST_ATTEMPTS + 1 }, busy));
  void parts.call.start();
  await later(20_000);
  expect(parts.statuses).toEqual(["connecting", "connected"]);
  const other = setUp();
  other.refusals.push(...Array.from({ length: 100 }, busy));
  void other.call.start();
  await later(FIRST_FOR_MS + 10_000);
  expect(other.statuses).toEqual(["connecting", "failed"]);
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
  await later(CONNECT_DEADLINE_MS + 1100);
  expect([peers.length, peers[0]?.connectionState]).toEqual([2, "closed"]);
});
test("who comes back waits less for a connection that does not open", async () => {
  const { behaviour, peers, statuses } = await connected();
  behaviour.opens = false;
  peers[0]?.fail();
  await later(RETURN_DEADLINE_MS);
  behaviour.opens = true;
  await later(3000);
  expect([statuses.at(-1), peers.length, peers[1]?.connectionState]).toEqual(["connected", 3, "closed"]);
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
test("a call that moves is followed within the time that the node said", async () => {
  const chance = vi.spyOn(Math, "random").mockReturnValue(0.9);
  const { peers, channel, statuses, previousTickets } = await connected();
  channel("events").receive(final(41));
  for (let times = 0; times < 3; times++) channel("live").receive({ type: "call.moved", at_ms: 0, within_ms: 2000 });
  await later(1700);
  expect([peers.length, statuses.at(-1)]).toEqual([1, "moving"]);
  await later(200);
  expect([statuses, previousTickets]).toEqual([["connecting", "connected", "moving", "connected"], [null, "ticket 1"]]);
  expect(hellos(channel("events"))).toEqual([{ type: "hello", last_seq: 41 }]);
  chance.mockRestore();
});
test("a call that moves to a node that is not there yet goes on trying", async () => {
  const { channel, refusals, statuses } = await connected();
  refusals.push(new ApiError(503, "no_media_node", "None."), gone(), new ApiError(409, "call_elsewhere", "The call moves."));
  channel("live").receive({ type: "call.moved", at_ms: 0, within_ms: 500 });
  await later(10_000);
  expect(statuses).toEqual(["connecting", "connected", "moving", "connected"]);
});
test("those who were lost together come back apart", async () => {
  const waits = [];
  for (const drawn of [0, 0.999]) {
    const chance = vi.spyOn(Math, "random").mockReturnValue(drawn);
    const { peers } = await connected();
    peers[0]?.fail();
    let waited = 0;
    for (; peers.length < 2; waited += 10) await later(10);
    waits.push(waited);
    chance.mockRestore();
  }
  expect(waits[1]).toBeGreaterThan(2 * (waits[0] ?? 0));
});
test("who comes back does not give up the place in between", async () => {
  const { peers, hungUp } = await connected();
  peers[0]?.fail();
  await later(1000);
  expect([peers.length, hungUp]).toEqual([2, []]);
});
test("who leaves while the connection is lost gives up the place", async () => {
  const { call, peers, refusals, hungUp } = await connected();
  refusals.push(...Array.from({ length: 10 }, gone));
  peers[0]?.fail();
  await later(500);
  call.stop();
  expect(hungUp).toEqual(["http://media/whip/s/1"]);
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
