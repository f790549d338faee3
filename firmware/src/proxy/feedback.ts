import type { Backend } from "../backend/backend.ts";
import type { CheckCode } from "../backend/health.ts";
import type { HealthChecks } from "../checks/health-checks.ts";
import type { Group } from "../pool/group.ts";
import type { StickTable } from "../pool/stick-table.ts";

/** Where a request or raw stream was sent, and for whom. */
export interface Sent {
  readonly group: Group;
  /** A hash of the client's address. */
  readonly client: number;
}

/**
 * What requests and raw streams teach about backends: health, latency, what the strategy estimates, and where a
 * client is served the next time.
 */
export class Feedback {
  #checks: HealthChecks;
  #stickTable: StickTable | undefined;

  constructor(checks: HealthChecks, stickTable: StickTable | undefined) {
    this.#checks = checks;
    this.#stickTable = stickTable;
  }

  /** `backend` refused a connection, or failed a request. */
  failed(backend: Backend, code: CheckCode): void {
    this.#checks.requestFailed(backend, code);
  }

  /** `backend` took a raw connection. */
  connected(backend: Backend): void {
    backend.health.requestAnswered();
  }

  /** `backend` has just begun its response to what had been sent at `sentMs`. */
  responded(backend: Backend, sent: Sent, sentMs: number, nowMs: number, status = 200): void {
    const { group, client } = sent;
    this.#stickTable?.set(client, group, backend);
    if (status >= 500) {
      // Its time does not count either: a backend that fails quickly would look like the best.
      this.#checks.requestFailed(backend, `L7STS/${status}`);
      return;
    }
    const ms = nowMs - sentMs;
    backend.latency.observe(ms, nowMs);
    group.strategy.answered?.(backend, ms, nowMs);
    backend.health.requestAnswered();
  }
}
