/** Where the page is: the hash of the address, as a route that components can watch. */
import { formatRoute, parseRoute, type Route } from "./lib/router";

class Navigation {
  route = $state.raw<Route>(parseRoute(location.hash));

  constructor() {
    addEventListener("hashchange", () => (this.route = parseRoute(location.hash)));
  }

  go(route: Route): void {
    location.hash = formatRoute(route);
  }

  /** Leaves no way back, for addresses that work once or lead on at once. */
  replace(route: Route): void {
    history.replaceState(null, "", formatRoute(route));
    this.route = route;
  }
}

export const navigation = new Navigation();
