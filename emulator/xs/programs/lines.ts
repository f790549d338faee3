import { playSteps } from "../line-script.ts";
import { host } from "./host.ts";

/** The log with the firmware's C, as the chip has it. */
host.command = text => JSON.stringify(playSteps(JSON.parse(text), host));
