/**
 * Hands values to any number of readers. Each reads all that is sent from the moment it begins; without readers nothing
 * is kept.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #readers = new Set<Reader<T>>();
  #ended = false;

  send(value: T): void {
    for (const reader of this.#readers) reader.push(value);
  }

  /** Every reader ends once it has read what was sent. */
  end(): void {
    this.#ended = true;
    for (const reader of this.#readers) reader.wake();
  }

  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const reader = new Reader<T>();
    this.#readers.add(reader);
    return this.#read(reader);
  }

  async *#read(reader: Reader<T>): AsyncGenerator<T, void, undefined> {
    try {
      while (true) {
        while (reader.values.length > 0) yield reader.values.shift()!;
        if (this.#ended) return;
        await reader.pushed();
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}

class Reader<T> {
  readonly values: T[] = [];
  wake: () => void = () => {};

  push(value: T): void {
    this.values.push(value);
    this.wake();
  }

  pushed(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}
