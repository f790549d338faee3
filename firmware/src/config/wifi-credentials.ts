import type { TextStore } from "./storage.ts";

/** The name and the password of a Wi-Fi network; the password is empty where the network has none. */
export interface Credentials {
  readonly ssid: string;
  readonly password: string;
}

/** Keys of a network's credentials in the store. */
interface Keys {
  readonly ssid: string;
  readonly password: string;
}

/** The network that was joined last. */
export const LAST: Keys = Object.freeze({ ssid: "ssid", password: "password" });

/** The network of the last build that had one. */
export const GIVEN: Keys = Object.freeze({ ssid: "given-ssid", password: "given-password" });

/** True if both name one network with one password. */
export function isSame({ ssid, password }: Credentials, other: Credentials | undefined): boolean {
  return other !== undefined && ssid === other.ssid && password === other.password;
}

/** The saved credentials; `undefined` if there are none, or no store. */
export function savedCredentials(
  store: TextStore | undefined,
  keys: Keys,
): Credentials | undefined {
  const ssid = store?.read(keys.ssid);
  return ssid === undefined ? undefined : { ssid, password: store?.read(keys.password) ?? "" };
}

/** Saves both or neither: a name with another network's password would never join. */
export function saveCredentials(
  store: TextStore | undefined,
  keys: Keys,
  credentials: Credentials,
): void {
  const before = savedCredentials(store, keys);
  if (store === undefined || isSame(credentials, before)) return;
  if (store.write(keys.password, credentials.password) !== undefined) return;
  if (store.write(keys.ssid, credentials.ssid) === undefined || before === undefined) return;
  store.write(keys.password, before.password);
}

/** Deletes what `saveCredentials` has saved. */
export function forgetCredentials(store: TextStore | undefined): void {
  for (const keys of [LAST, GIVEN]) {
    store?.delete(keys.ssid); // without it the password is ignored
    store?.delete(keys.password);
  }
}
