/** The control API of the origin that served this page. */
import { createApi } from "./lib/api";

export const api = createApi((address, init) => fetch(address, init));
