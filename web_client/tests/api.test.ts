import { expect, test } from "vitest";
import { ApiError, createApi } from "../src/lib/api";
import type { JoinTicket } from "../src/lib/types";

interface Sent { address: string; init: RequestInit }

/** A scripted server: answers in turn, and keeps what it was asked. */
function server(...answers: (Response | Error)[]) {
  const sent: Sent[] = [];
  const request = async (address: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    sent.push({ address: String(address), init });
    const answer = answers.shift() ?? new Error("no more answers");
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { sent, api: createApi(request as typeof fetch) };
}
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
const failure = async (done: Promise<unknown>) => done.then(() => null, (error: unknown) => error as ApiError);
const ticket: JoinTicket = {
  media_url: "http://localhost:8081/whip/s", ticket: "secret", ice_servers: [], expires_at: "", participant_id: "p",
};

test("a problem document becomes an error with its code and text", async () => {
  const { api } = server(json({ title: "Conflict", code: "session_completed", detail: "The session is over." }, 409));
  expect(await failure(api.getSession("s"))).toMatchObject({ status: 409, code: "session_completed", message: "The session is over." });
});
test("an error page that is no document still says something", async () => {
  const { api } = server(new Response("<html>", { status: 502 }));
  expect(await failure(api.me())).toMatchObject({ status: 502, code: "http_502" });
});
test("a server that does not answer is named so", async () => {
  const { api } = server(new TypeError("fetch failed"));
  expect(await failure(api.me())).toMatchObject({ status: 0, code: "unreachable" });
});
test("an answer without content is fine", async () => {
  const { api } = server(new Response(null, { status: 204 }));
  expect(await api.signOut()).toBeUndefined();
});
test("a path keeps its shape whatever the token holds", async () => {
  const { api, sent } = server(json({}));
  await api.getInvite("../me");
  expect(sent[0]?.address).toBe("/v1/invites/..%2Fme");
});
test("a long transcript is read page by page", async () => {
  const { api, sent } = server(json({ items: [1], next_since: 7 }), json({ items: [2], next_since: null }));
  expect([await api.transcript("s"), sent[1]?.address]).toEqual([[1, 2], "/v1/sessions/s/transcript?since=7&limit=200"]);
});
test("the offer goes to the media node with the ticket", async () => {
  const { api, sent } = server(new Response("answer", { status: 201, headers: { Location: "/whip/s/r1" } }));
  await api.postOffer(ticket, "offer");
  expect(sent[0]).toMatchObject({
    address: "http://localhost:8081/whip/s",
    init: { method: "POST", body: "offer", headers: { Authorization: "Bearer secret", "Content-Type": "application/sdp" } },
  });
});
test("a relative location belongs to the media node", async () => {
  const { api } = server(new Response("answer", { status: 201, headers: { Location: "/whip/s/r1" } }));
  expect(await api.postOffer(ticket, "offer")).toEqual({ sdp: "answer", location: "http://localhost:8081/whip/s/r1" });
});
