/** Who is signed in; null for nobody, undefined while that is not known. */
import { ApiError } from "./lib/api";
import type { Me, SignedIn } from "./lib/types";
import { api } from "./server";

class Account {
  me = $state.raw<Me | null | undefined>(undefined);
  error = $state.raw<Error | null>(null);
  /** Somebody is signed in, but works in no organization yet. */
  needsSetup = $state(false);

  /** Whether it is known who is signed in, and be it nobody. */
  get isKnown(): boolean {
    return this.needsSetup || this.me !== undefined;
  }

  async load(): Promise<void> {
    this.error = null;
    try {
      this.me = await api.me();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.me = null;
      else if (error instanceof ApiError && error.code === "setup_required") this.needsSetup = true;
      else this.error = error as Error;
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    this.enter((await api.signIn(email, password)).me);
  }

  /** By the link of a mail, which works once. */
  async choosePassword(link: "verify" | "reset", token: string, password: string): Promise<void> {
    this.enter((await api.choosePassword(link, token, password)).me);
  }

  async setUp(organization: string): Promise<void> {
    this.enter(await api.onboard(organization || null, Intl.DateTimeFormat().resolvedOptions().timeZone));
  }

  /** By the link of a mail: a member of that organization, and at work in it. */
  async acceptInvitation(token: string): Promise<void> {
    await api.acceptInvitation(token);
    await this.moveIn();
  }

  /** The same, for one that waits for the account's address. */
  async acceptOwnInvitation(id: string): Promise<void> {
    await api.acceptOwnInvitation(id);
    await this.moveIn();
  }

  async redeemLink(token: string): Promise<SignedIn> {
    const { me } = await api.redeemLink(token);
    this.enter(me);
    return me;
  }

  async setPassword(password: string, current: string | null): Promise<void> {
    await api.setPassword(password, current);
    this.me = await api.me();
  }

  async signOut(): Promise<void> {
    await api.signOut();
    this.needsSetup = false;
    this.me = null;
  }

  private async moveIn(): Promise<void> {
    this.me = await api.me();
    this.needsSetup = false;
  }

  private enter({ user, organization, role }: SignedIn): void {
    this.error = null;
    this.needsSetup = organization === null || role === null;
    this.me = organization === null || role === null ? undefined : { user, organization, role };
  }
}

export const account = new Account();
