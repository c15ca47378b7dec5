/** What people agree to before their voice is heard. A changed text needs a new version. */

export const CONSENT_VERSION = "2026-11-22";

export const CONSENT_LABEL = "I agree that what I say in this conversation is written down and analysed.";

export const CONSENT_TEXT: readonly string[] = [
  "Your speech becomes text while you talk. It is stored with your name and the time.",
  "From it come talk time, pace and other measures, live hints for the host, and a written summary.",
  "The organization that holds this conversation keeps these. The sound itself is not kept.",
];

export interface Consent {
  readonly version: string;
  readonly at: string;
}

export function consentAt(moment: Date): Consent {
  return { version: CONSENT_VERSION, at: moment.toISOString() };
}
