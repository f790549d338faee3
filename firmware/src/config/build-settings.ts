/** Settings of the manifest's `config` and of the build's command line (`mc/config`). */
export interface Settings {
  readonly ssid: string;
  readonly password: string;
  readonly backends: string;
  readonly port: string;
  /** The token that the admin port requires for changes. */
  readonly token: string;
  /** Which build this is, as the build tools name it. */
  readonly build: string;
  /** Equal to CONFIG_LWIP_MAX_ACTIVE_TCP in sdkconfig. */
  readonly connectionsMax: number;
}

/** The settings of a build that change its configuration, as text; empty or missing ones were not given. */
export interface GivenSettings extends Partial<Pick<Settings, "backends" | "port" | "token">> {
  /** The name of the document that replaces `gateway.json`: the emulator's `--config`. */
  readonly document?: string;
}

/**
 * Lays settings of the build's command line over a configuration document:
 * `backends=192.168.1.10:8080,192.168.1.10:8081` and `port=80`. Wrong values are left for `readConfig` to complain about.
 */
export function overlay(document: object, { backends, port }: GivenSettings): object {
  return {
    ...document,
    ...(backends ? { backends: backends.split(",").map(addressAndPort) } : {}),
    ...(port ? { listeners: [{ port: Number(port) }] } : {}),
  };
}

function addressAndPort(text: string): object {
  const colon = text.lastIndexOf(":");
  return { address: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}
