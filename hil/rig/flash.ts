import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { buildId } from "../../firmware/tools/build-id.ts";
import { DEFAULT_BOARD, deployFirmware } from "../../firmware/tools/moddable.ts";
import type { Credentials } from "./credentials.ts";
import { type ChipIdentity, writeImage } from "./loader.ts";
import type { SerialLink } from "./serial-link.ts";

/** When to flash a board: at every run, if its build differs, or not at all. */
export const FLASH_POLICIES = ["always", "changed", "never"] as const;
export type FlashPolicy = (typeof FLASH_POLICIES)[number];

/** The board to flash, with its open link. */
export interface FlashBench {
  readonly link: SerialLink;
  readonly path: string;
  /** Reports progress from 0 to 1, if the tool reports it. */
  progress(share: number): void;
}

/** A firmware that can be flashed. */
export interface Flashable {
  /** Name for messages. */
  readonly name: string;
  /** True if the board's reported build is this one. */
  isBuild(reported: string): boolean;
  /** Writes it; the caller resets the board afterwards. Returns the chip's identity if the tool finds it out. */
  flash(bench: FlashBench): Promise<ChipIdentity | undefined>;
}

/** Decides whether to flash, with the reason. `reported` is the build that the board's first line named. */
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

/** The firmware from the sources, built and written by the installed Moddable SDK. */
export class SourceFirmware implements Flashable {
  readonly name: string;
  #build: string;
  #settings: readonly string[];
  #board: typeof DEFAULT_BOARD;
  #credentials: () => Promise<Credentials | undefined>;
  #deploy: typeof deployFirmware;
  /** The answer about the credentials, and the flashing in progress: all builds use one folder. */
  #answer: Promise<Credentials | undefined> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * `credentials` is called once, and only if a board is really flashed. If it gives none, the board keeps its
   * own. The firmware is that of the `board`.
   */
  constructor(
    settings: readonly string[],
    credentials: () => Promise<Credentials | undefined>,
    board = DEFAULT_BOARD,
    deploy = deployFirmware,
  ) {
    this.#settings = settings;
    this.#board = board;
    this.#credentials = credentials;
    this.#deploy = deploy;
    this.#build = buildId(settings, board);
    this.name = `build ${this.#build}${board === DEFAULT_BOARD ? "" : ` for ${board}`}`;
  }

  isBuild(reported: string): boolean {
    return reported === this.#build;
  }

  /** Boards are flashed one after the other. */
  flash(bench: FlashBench): Promise<undefined> {
    const flashed = this.#turn.then(() => this.#flash(bench));
    this.#turn = flashed.catch(() => {}); // its caller gets the error
    return flashed;
  }

  /** The SDK's tools need the port for themselves. */
  async #flash({ link, path }: FlashBench): Promise<undefined> {
    this.#answer ??= this.#credentials();
    const credentials = await this.#answer;
    const wifi =
      credentials === undefined
        ? []
        : [`ssid=${credentials.ssid}`, `password=${credentials.password}`];
    await link.close();
    try {
      await this.#deploy(path, [...this.#settings, ...wifi], this.#board);
    } finally {
      await link.connect();
    }
  }
}

/** A prebuilt image of the whole flash, made by `esptool merge-bin`. */
export class ImageFirmware implements Flashable {
  readonly name: string;
  #image: Buffer;

  /** Throws if the file cannot be read. */
  constructor(file: string) {
    this.name = basename(file);
    this.#image = readFileSync(file);
  }

  /** The image contains its build id as the text that the board prints. */
  isBuild(reported: string): boolean {
    return this.#image.includes(reported);
  }

  flash({ link, progress }: FlashBench): Promise<ChipIdentity> {
    return writeImage(link, this.#image, progress);
  }
}
