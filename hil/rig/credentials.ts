import {
  type Ask,
  askPassword,
  PASSWORD_VARIABLE,
  SSID_VARIABLE,
} from "../../firmware/tools/secrets.ts";

/** Name and password of the Wi-Fi. */
export interface Credentials {
  readonly ssid: string;
  /** Empty for an open network. */
  readonly password: string;
}

/** The given credentials make no sense; the message is one sentence. */
export class CredentialsError extends Error {}

/**
 * Wi-Fi credentials from the environment, or else from the person at the terminal (`ask`). `undefined`: none
 * are given, and the board keeps those that it has stored.
 */
export async function wifiCredentials(
  environment: Readonly<Record<string, string | undefined>>,
  ask: Ask | undefined,
): Promise<Credentials | undefined> {
  const ssid = environment[SSID_VARIABLE];
  const password = environment[PASSWORD_VARIABLE];
  if (ssid) return { ssid, password: password ?? (ask ? await askPassword(ask, ssid) : "") };
  if (password) {
    throw new CredentialsError(`${PASSWORD_VARIABLE} is set, and ${SSID_VARIABLE} is not`);
  }
  if (ask === undefined) return undefined;
  const name = await ask("Wi-Fi name (empty: the one that the board has stored): ", {
    hidden: false,
  });
  return name ? { ssid: name, password: await askPassword(ask, name) } : undefined;
}
