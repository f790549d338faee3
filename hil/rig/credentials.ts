import {
  type Ask,
  askPassword,
  PASSWORD_VARIABLE,
  SSID_VARIABLE,
} from "../../firmware/tools/secrets.ts";

/** How to join the Wi-Fi. */
export interface Credentials {
  readonly ssid: string;
  /** Empty for an open network. */
  readonly password: string;
}

/** What was given does not make sense; said in one sentence. */
export class CredentialsError extends Error {}

/**
 * The Wi-Fi's credentials, from the environment or else from the person, where there is one to ask
 * (`ask`). `undefined`: none are given, and a board that knows some keeps them.
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
  const name = await ask("Wi-Fi name (nothing: the one that the board knows): ", { hidden: false });
  return name ? { ssid: name, password: await askPassword(ask, name) } : undefined;
}
