/** Addresses of the page: everything after `#`, so that the server serves one file and tokens never reach its logs. */

export type Route =
  | { readonly name: "home" }
  | { readonly name: "sessions" }
  | { readonly name: "settings" }
  /** `hasEnded`: its call was seen to end; the control API hears of that a moment later. Not part of the address. */
  | { readonly name: "session"; readonly id: string; readonly hasEnded?: true }
  | { readonly name: "join"; readonly id: string }
  | { readonly name: "link"; readonly token: string }
  | { readonly name: "invite"; readonly token: string }
  /** Becoming a member of an organization. */
  | { readonly name: "invitation"; readonly token: string }
  /** A report for people without an account. */
  | { readonly name: "shared"; readonly token: string }
  | { readonly name: "sign-up" }
  | { readonly name: "forgot" }
  /** Links of mails: make the account, set a new password, prove the address. */
  | { readonly name: "verify" | "reset" | "verify-email"; readonly token: string }
  /** How a visit to Google went, when it did not sign in. */
  | { readonly name: "google"; readonly outcome: string }
  | { readonly name: "unknown" };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const TOKEN = /^[\w.~-]{8,256}$/;

export function parseRoute(hash: string): Route {
  const [first = "", second = "", third = "", ...rest] = hash.replace(/^#?\/?/, "").split("/");
  if (rest.length > 0) return { name: "unknown" };
  const shape = [first, second && ":x", third].filter(Boolean).join("/");
  switch (shape) {
    case "":
      return { name: "home" };
    case "sessions":
      return { name: "sessions" };
    case "settings":
      return { name: "settings" };
    case "session/:x":
      return UUID.test(second) ? { name: "session", id: second } : { name: "unknown" };
    case "session/:x/join":
      return UUID.test(second) ? { name: "join", id: second } : { name: "unknown" };
    case "link/:x":
      return TOKEN.test(second) ? { name: "link", token: second } : { name: "unknown" };
    case "invite/:x":
    case "invitation/:x":
    case "shared/:x":
      return TOKEN.test(second) ? { name: first as "invite", token: second } : { name: "unknown" };
    case "sign-up":
      return { name: "sign-up" };
    case "forgot":
      return { name: "forgot" };
    case "verify/:x":
    case "reset/:x":
    case "verify-email/:x":
      return TOKEN.test(second) ? { name: first as "verify", token: second } : { name: "unknown" };
    case "google/:x":
      return /^[a-z_]{1,40}$/.test(second) ? { name: "google", outcome: second } : { name: "unknown" };
    default:
      return { name: "unknown" };
  }
}

export function formatRoute(route: Route): string {
  switch (route.name) {
    case "session":
      return `#/session/${route.id}`;
    case "join":
      return `#/session/${route.id}/join`;
    case "google":
      return `#/google/${route.outcome}`;
    case "link":
    case "invite":
    case "invitation":
    case "shared":
    case "verify":
    case "reset":
    case "verify-email":
      return `#/${route.name}/${route.token}`;
    case "sessions":
    case "settings":
    case "sign-up":
    case "forgot":
      return `#/${route.name}`;
    default:
      return "#/";
  }
}
