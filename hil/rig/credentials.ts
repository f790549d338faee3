import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** How to join the Wi-Fi. */
export interface Credentials {
  readonly ssid: string;
  /** Empty for an open network. */
  readonly password: string;
}

/** Where the password may come from, so that it stands in no file and no history of commands. */
export const SSID_VARIABLE = "HOT_POTATO_SSID";
export const PASSWORD_VARIABLE = "HOT_POTATO_PASSWORD";

/** What was given does not make sense; said in one sentence. */
export class CredentialsError extends Error {}

/** Asks a person; `hidden` shows nothing of what is typed. */
export type Ask = (question: string, options: { hidden: boolean }) => Promise<string>;

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
  if (ssid) return { ssid, password: password ?? (await asked(ask, ssid)) };
  if (password) {
    throw new CredentialsError(`${PASSWORD_VARIABLE} is set, and ${SSID_VARIABLE} is not`);
  }
  const name = await ask?.("Wi-Fi name (nothing: the one that the board knows): ", {
    hidden: false,
  });
  if (!name) return undefined;
  return { ssid: name, password: await asked(ask, name) };
}

async function asked(ask: Ask | undefined, ssid: string): Promise<string> {
  return (
    (await ask?.(`Password of "${ssid}" (nothing: an open network): `, { hidden: true })) ?? ""
  );
}

/** Asks in a terminal. */
export function terminalAsk(
  input: NodeJS.ReadableStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Ask {
  return (question, { hidden }) => {
    output.write(question);
    const nowhere = new Writable({ write: (_text, _encoding, written) => written() });
    const lines = createInterface({ input, output: hidden ? nowhere : output, terminal: true });
    return new Promise((resolve, reject) => {
      lines.once("line", line => {
        resolve(line);
        lines.close();
        if (hidden) output.write("\n");
      });
      // Ctrl-C and Ctrl-D close it.
      lines.once("close", () => reject(new CredentialsError("nothing was typed")));
    });
  };
}
