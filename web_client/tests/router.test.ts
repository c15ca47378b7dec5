import { expect, test } from "vitest";
import { formatRoute, parseRoute, type Route } from "../src/lib/router";

const id = "0191e3c4-1111-7222-8333-123456789abc";
const token = "k3-_abcDEF123456";
const routes: [string, Route][] = [
  ["#/", { name: "home" }],
  ["#/sessions", { name: "sessions" }],
  ["#/settings", { name: "settings" }],
  [`#/session/${id}`, { name: "session", id }],
  [`#/session/${id}/join`, { name: "join", id }],
  [`#/link/${token}`, { name: "link", token }],
  [`#/invite/${token}`, { name: "invite", token }],
  [`#/invitation/${token}`, { name: "invitation", token }],
  [`#/shared/${token}`, { name: "shared", token }],
  ["#/sign-up", { name: "sign-up" }],
  ["#/forgot", { name: "forgot" }],
  [`#/verify/${token}`, { name: "verify", token }],
  [`#/reset/${token}`, { name: "reset", token }],
  [`#/verify-email/${token}`, { name: "verify-email", token }],
  ["#/google/unproven", { name: "google", outcome: "unproven" }],
];

test.each(routes)("%s is read", (hash, route) => {
  expect(parseRoute(hash)).toEqual(route);
});
test.each(routes)("%s is written", (hash, route) => {
  expect(formatRoute(route)).toBe(hash);
});
test("an empty address is the start page", () => {
  expect(parseRoute("")).toEqual({ name: "home" });
});
test.each(["#/nowhere", "#/session/12", `#/session/${id}/edit`, `#/session/${id}/join/now`, "#/link/", "#/invite/a b", "#/shared/<b>", "#/invitation/", "#/sessions/x", "#/verify/", "#/reset/a b", "#/google/<b>"])(
  "%s leads nowhere",
  (hash) => {
    expect(parseRoute(hash)).toEqual({ name: "unknown" });
  },
);
