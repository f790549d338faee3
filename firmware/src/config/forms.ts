// Forms of texts in documents. Each function creates its expression when it is needed: a preloaded one does not work on the chip.

/** Longest timeout: a day. */
export const TIMEOUT_MAX_MS = 86_400_000;

/** A name of a backend or of a machine. */
export const name = () => /^[a-z0-9][a-z0-9._-]{0,31}$/i;
export const NAME_WANTED = "1 to 32 letters, digits, dots, dashes";

/** A name in DNS. */
export const dnsName = () => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;

/** The host of requests. */
export const host = () => /^(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;
export const HOST_WANTED = "a name such as api.home, or *.home";

/** A server name of TLS connections. */
export const serverName = () => /^(\*|(\*\.)?[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?)$/i;
export const SERVER_NAME_WANTED = "a name such as cloud.home, *.home, or *";

/** The beginning of paths, in the normal form that requests are compared in. `crossCheck` has the length. */
export const path = () => /^(\/|(\/(?!\.{1,2}(\/|$))[a-z0-9._~!$&'()*+,=:@-]+)+\/?)$/i;
export const PATH_WANTED = "a path such as /api, without empty parts, dots alone, ; or %";

export const NETWORK_WANTED = "an address or a network, such as 192.168.1.2 or 192.168.1.0/24";
