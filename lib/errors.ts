/** The stable codes of {@link ConvsweepError}. */
export type ErrorCode =
  /** An argument or option has the wrong type or value. */
  | 'INVALID_ARGUMENT'
  /** A data file is damaged, of another kind, or disagrees with its companion. */
  | 'INVALID_DATA'
  /** A model file cannot be read as a Keras model of the supported layers. */
  | 'INVALID_MODEL'
  /** Model and data do not fit together (image size, channels, number of classes). */
  | 'SHAPE_MISMATCH'
  /** A file or directory is missing, or may not be overwritten. */
  | 'FILE'
  /** A download failed: no answer, an HTTP status, a wrong checksum. */
  | 'DOWNLOAD'
  /** The requested device or its native addon is not available. */
  | 'DEVICE_UNAVAILABLE'
  /** The device has too little memory. */
  | 'OUT_OF_MEMORY'
  /** Training gave nothing that is a number. */
  | 'DIVERGED'
  /** The native engine failed while running. */
  | 'NATIVE'
  /** The object was disposed or is busy with another call. */
  | 'STATE'
  /** The call was stopped through its AbortSignal. */
  | 'ABORTED';

/** Every error that this package throws on purpose. `message` says what was expected, what came, and the remedy. */
export class ConvsweepError extends Error {
  override readonly name = 'ConvsweepError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** How a received value reads in a message: `"abc"`, `-1`, `an array`, `null`. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (Array.isArray(value)) return describeArray(value);
  if (typeof value === 'object') return `an object of class ${value.constructor?.name ?? 'Object'}`;
  if (typeof value === 'function') return 'a function';
  return String(value);
}

function describeArray(value: readonly unknown[]): string {
  try {
    return `the array ${JSON.stringify(value).slice(0, 80)}`;
  } catch {
    // Cyclic, nested too deeply, or with a bigint in it.
    return `an array of length ${value.length}`;
  }
}

/** The uniform argument error: `Expected a positive integer for epochs but received -1`. */
export function invalidArgument(name: string, expected: string, received: unknown): ConvsweepError {
  return new ConvsweepError(
    'INVALID_ARGUMENT',
    `Expected ${expected} for ${name} but received ${describeValue(received)}`,
  );
}

/** Throws unless `value` is an integer of at least `minimum`. */
export function requireInteger(name: string, value: unknown, minimum = 1): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < minimum) {
    const expected = minimum === 1 ? 'a positive integer' : `an integer of at least ${minimum}`;
    throw invalidArgument(name, expected, value);
  }
}

/** Throws unless `options` is an object all of whose keys are in `known`, suggesting the nearest known one. */
export function rejectUnknownOptions(where: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument(`the options of ${where}`, 'an object', options);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const nearest = known.find((k) => k.toLowerCase() === key.toLowerCase()) ?? nearestWord(key, known);
    const hint = nearest ? `; did you mean ${nearest}?` : `; known options: ${known.join(', ')}`;
    throw new ConvsweepError('INVALID_ARGUMENT', `Unknown option ${key} for ${where}${hint}`);
  }
}

function nearestWord(word: string, candidates: readonly string[]): string | undefined {
  const distance = (a: string, b: string): number => {
    let row = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) {
        const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
        next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
      }
      row = next;
    }
    return row[b.length]!;
  };
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of candidates) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
}
