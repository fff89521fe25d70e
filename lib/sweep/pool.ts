/**
 * Runs `run` on every item, in order, up to `jobs` at a time. The first failure aborts the signal that the others were
 * given, and is thrown once they have ended.
 * @param signal stops everything; items not yet begun are left
 */
export async function runPool<T>(
  items: readonly T[],
  jobs: number,
  signal: AbortSignal | undefined,
  run: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  const failures: unknown[] = [];
  const queue = items.values();
  const work = async (): Promise<void> => {
    for (const item of queue) {
      if (controller.signal.aborted) return;
      try {
        await run(item, controller.signal);
      } catch (error) {
        failures.push(error);
        controller.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  signal?.removeEventListener('abort', abort);
  if (failures.length > 0) throw failures[0];
}
