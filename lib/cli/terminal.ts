/** Prints `value` as one JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Prints text, ended by one newline. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Prints a remark that is not the result: to standard error, so that `--json` and pipes stay clean. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/**
 * A signal that the first Ctrl-C (or SIGTERM) aborts; a second one ends the process at once.
 * @returns the signal, and `release`, which gives the keys back
 */
export function interruption(onInterrupt: () => void): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    onInterrupt();
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const release = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  return { signal: controller.signal, release };
}
