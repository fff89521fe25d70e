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
  /** The queue of a sweep on several machines cannot be used, or a worker of it failed. */
  | 'QUEUE'
  /** The native engine failed while running. */
  | 'NATIVE'
  /** A function of the caller's failed, such as a sweep's builder; `cause` is what it threw. */
  | 'CALLBACK'
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
