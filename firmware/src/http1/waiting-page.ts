/** Bounds of the time after which a browser asks again, in seconds. */
const RELOAD_MIN_S = 2;
const RELOAD_MAX_S = 5;

const STYLE =
  "body{font:1.1em/1.5 system-ui,sans-serif;max-width:26em;margin:20vh auto;padding:0 1em;color-scheme:light dark}" +
  "progress{width:100%;height:1em}";

/** Without it browsers ask for /favicon.ico after each reload, and that request would be held. */
const NO_ICON = "<link rel=icon href=data:,>";

/** How far a machine is on its way from sleep to service. */
export interface WakeProgress {
  /** Time since it is being woken. */
  readonly elapsedMs: number;
  /** Time that it took when it was woken last; `undefined`: not known. */
  readonly lastBootMs: number | undefined;
}

/** Seconds until a client that does not wait should try again: the rest of the boot, as far as it is known. */
export function secondsUntilReady({ elapsedMs, lastBootMs }: WakeProgress): number {
  if (lastBootMs === undefined) return RELOAD_MAX_S;
  return Math.max(RELOAD_MIN_S, Math.ceil((lastBootMs - elapsedMs) / 1000));
}

/** Seconds after which the page asks again. */
export function reloadSeconds(progress: WakeProgress): number {
  return Math.min(RELOAD_MAX_S, secondsUntilReady(progress));
}

/**
 * For a browser that asks for a page of a machine that is being woken: a page in ASCII that asks for the same URL again by itself,
 * without JavaScript and without another resource. It names no machine: any client may see it.
 */
export function waitingPage(progress: WakeProgress): string {
  const { elapsedMs, lastBootMs } = progress;
  const elapsedS = Math.round(elapsedMs / 1000);
  let bar = "<progress></progress>";
  let text = `It has been starting for ${elapsedS} s.`;
  if (lastBootMs !== undefined) {
    const bootS = Math.max(1, Math.round(lastBootMs / 1000));
    bar = `<progress max=${bootS} value=${Math.min(elapsedS, bootS)}></progress>`;
    text += ` Last time that took ${bootS} s.`;
  }
  return (
    `<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">` +
    `<meta http-equiv=refresh content=${reloadSeconds(progress)}>${NO_ICON}<title>The server is waking up</title>` +
    `<style>${STYLE}</style><h1>The server is waking up</h1>${bar}` +
    `<p>${text} This page opens by itself when the server is ready.</p>\n`
  );
}
