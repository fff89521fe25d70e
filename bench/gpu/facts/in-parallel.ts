/** Does `work` for each item, a few at a time, and waits for all. @throws what the first of them that failed threw */
export async function inParallel<T>(
  items: readonly T[],
  atATime: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: atATime }, worker));
  for (const result of ended) if (result.status === 'rejected') throw result.reason;
}
