/** How soon a worker that says nothing loses its trial, in milliseconds. */
export interface Lease {
  /** How long it has the trial for since it last said something. */
  lock: number;
  /** How often others look. */
  check: number;
}

/**
 * A killed worker's trial is trained again after twelve seconds. Training does not keep a worker from answering; reading
 * its data may, for a while.
 */
export const LEASE: Lease = { lock: 10_000, check: 5000 };
