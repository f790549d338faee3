import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { buildId } from "../../firmware/tools/build-id.ts";
import { deployFirmware } from "../../firmware/tools/moddable.ts";
import type { Credentials } from "./credentials.ts";
import { type ChipIdentity, writeImage } from "./loader.ts";
import type { SerialLink } from "./serial-link.ts";

/** When a board is flashed: at every run, when it has another build, or by somebody else. */
export const FLASH_POLICIES = ["always", "changed", "never"] as const;
export type FlashPolicy = (typeof FLASH_POLICIES)[number];

/** The board that is to be flashed, by its open link. */
export interface FlashBench {
  readonly link: SerialLink;
  readonly path: string;
  /** From 0 to 1, where it can be told. */
  progress(share: number): void;
}

/** A firmware that a board may be given. */
export interface Flashable {
  /** How a person calls it. */
  readonly name: string;
  /** Is it the build that the board names when it boots? */
  isBuild(reported: string): boolean;
  /**
   * Writes it. The board is to be reset afterwards. Tells which chip it was, where the way of writing
   * gets to know it.
   */
  flash(bench: FlashBench): Promise<ChipIdentity | undefined>;
}

/** Is the board to be flashed, and why (not)? `reported` is the build that its first line named. */
export function mustFlash(
  policy: FlashPolicy,
  firmware: Pick<Flashable, "name" | "isBuild">,
  reported: string | undefined,
): { readonly flash: boolean; readonly why: string } {
  if (policy === "never") return { flash: false, why: "--flash never" };
  if (policy === "always") return { flash: true, why: "--flash always" };
  if (reported === undefined) {
    return { flash: true, why: "the board does not say which build it has" };
  }
  if (firmware.isBuild(reported)) {
    return { flash: false, why: `the board has ${firmware.name} already` };
  }
  return { flash: true, why: `the board has build ${reported}, not ${firmware.name}` };
}

/** The firmware as its sources are now, built and written by the person's own Moddable SDK. */
export class SourceFirmware implements Flashable {
  readonly name: string;
  #build: string;
  #settings: readonly string[];
  #credentials: () => Promise<Credentials | undefined>;
  #deploy: typeof deployFirmware;
  /** What the person has answered; and the board that is being flashed: all are built in one folder. */
  #asked: Promise<Credentials | undefined> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * `credentials` are asked for once, and only when a board is really flashed; without any, the board
   * keeps its own.
   */
  constructor(
    settings: readonly string[],
    credentials: () => Promise<Credentials | undefined>,
    deploy = deployFirmware,
  ) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#deploy = deploy;
    this.#build = buildId(settings);
    this.name = `build ${this.#build}`;
  }

  isBuild(reported: string): boolean {
    return reported === this.#build;
  }

  /** Several boards wait for each other. */
  flash(bench: FlashBench): Promise<undefined> {
    const flashed = this.#turn.then(() => this.#flash(bench));
    this.#turn = flashed.catch(() => {}); // whoever asked for it is told
    return flashed;
  }

  /** The SDK's tools want the port for themselves. */
  async #flash({ link, path }: FlashBench): Promise<undefined> {
    this.#asked ??= this.#credentials();
    const credentials = await this.#asked;
    const wifi =
      credentials === undefined
        ? []
        : [`ssid=${credentials.ssid}`, `password=${credentials.password}`];
    await link.close();
    try {
      await this.#deploy(path, [...this.#settings, ...wifi]);
    } finally {
      await link.connect();
    }
  }
}

/** A whole flash image that somebody has built, `esptool merge-bin`. */
export class ImageFirmware implements Flashable {
  readonly name: string;
  #image: Buffer;

  /** Throws when the file cannot be read. */
  constructor(file: string) {
    this.name = basename(file);
    this.#image = readFileSync(file);
  }

  /** Its build stands in the image, somewhere, as the text that the board prints. */
  isBuild(reported: string): boolean {
    return this.#image.includes(reported);
  }

  flash({ link, progress }: FlashBench): Promise<ChipIdentity> {
    return writeImage(link, this.#image, progress);
  }
}
