/** What the manifest's `config` and the build's command line give (`mc/config`). */
export interface Settings {
  readonly ssid: string;
  readonly password: string;
  readonly backends: string;
  readonly port: string;
  /** What the admin port wants for changes. */
  readonly token: string;
  /** Which build this is; the tools that build it say so. */
  readonly build: string;
  /** The same as CONFIG_LWIP_MAX_ACTIVE_TCP in sdkconfig. */
  readonly connectionsMax: number;
}

/** What was given of the configuration, as text; what is empty or missing was not given. */
export interface GivenSettings extends Partial<Pick<Settings, "backends" | "port" | "token">> {
  /** Names the document that was given in place of `gateway.json`: the emulator's `--config`. */
  readonly document?: string;
}

/**
 * Lays what was given on the build's command line over a configuration document:
 * `backends=192.168.1.10:8080,192.168.1.10:8081` and `port=80`. Values arrive as text; what is
 * wrong in them is left for `readConfig` to complain about.
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
