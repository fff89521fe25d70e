/** A controller of its own, which `signal` aborts as well, with the same reason. */
export function linkedController(signal: AbortSignal | undefined): {
  controller: AbortController;
  /** Stops following `signal`. */
  release: () => void;
} {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  return { controller, release: () => signal?.removeEventListener('abort', abort) };
}
