/** Who is signed in; null for nobody, undefined while that is not known. */
import { ApiError } from "./lib/api";
import type { Me } from "./lib/types";
import { api } from "./server";

class Account {
  me = $state.raw<Me | null | undefined>(undefined);
  error = $state.raw<Error | null>(null);

  async load(): Promise<void> {
    this.error = null;
    try {
      this.me = await api.me();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.me = null;
      else this.error = error as Error;
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    this.me = (await api.signIn(email, password)).me;
  }

  async redeemLink(token: string): Promise<Me> {
    const { me } = await api.redeemLink(token);
    this.me = me;
    return me;
  }

  async setPassword(password: string, current: string | null): Promise<void> {
    await api.setPassword(password, current);
    this.me = await api.me();
  }

  async signOut(): Promise<void> {
    await api.signOut();
    this.me = null;
  }
}

export const account = new Account();
