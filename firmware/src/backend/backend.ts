/** One server behind the proxy, and what is going on with it. */
export class Backend {
  /** Its place in the configuration; a session remembers those it tried as one bit each. */
  readonly index: number;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Sessions that it has now, those still dialling included. */
  sessions = 0;
  /** Sessions that it was ever picked for. */
  sessionsTotal = 0;

  constructor(index: number, { name, address, port }: BackendAddress) {
    this.index = index;
    this.name = name;
    this.address = address;
    this.port = port;
  }
}

export interface BackendAddress {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}
