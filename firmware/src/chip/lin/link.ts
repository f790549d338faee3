import type { OpenLink } from "../exports.ts";

/** The SDK's Linux simulator uses the computer's network, which is always up. */
export const openLink: OpenLink = () => ({ address: "127.0.0.1", rssi: undefined, watch() {} });
