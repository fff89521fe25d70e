/**
 * Python's `'%.<digits>f' % value`. Unlike `Number.prototype.toFixed`, an exact tie goes to the even digit, as it does
 * in Python: 0.03125 at 4 digits is `0.0312`. Ties are common here, since accuracies are fractions of round numbers.
 */
export function formatFixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  // No double can differ from a tie by less than the digits looked at here, so this decides ties exactly.
  const exact = value.toFixed(digits + 40);
  const isTie = /^50*$/.test(exact.slice(-40));
  if (!isTie) return value.toFixed(digits);
  const truncated = exact.slice(0, -40).replace(/\.$/, '');
  return Number(truncated.at(-1)) % 2 === 0 ? truncated : value.toFixed(digits);
}

/** Python's `'%.<digits>e' % value`: an exponent of at least two digits. For values without exact decimal ties. */
export function formatScientific(value: number, digits: number): string {
  if (!Number.isFinite(value)) return formatFixed(value, digits);
  return value.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Python's `repr` of a float: the shortest digits that round-trip, `1.0`, `1e-05`, `1e+16`, `nan`. */
export function pythonRepr(value: number): string {
  if (!Number.isFinite(value)) return formatFixed(value, 0);
  const size = Math.abs(value);
  return layOutDigits(value.toString(), size !== 0 && (size < 1e-4 || size >= 1e16));
}

/** Lays out the digits of a number that JavaScript wrote, as Python does: `2.5e-07`, or `0.0001`, or `1.0`. */
export function layOutDigits(text: string, scientific: boolean): string {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text)!;
  const significant = (whole! + fraction).replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '') || '0';
  // The value is 0.<digits> x 10^point.
  const point = digits === '0' ? 1 : Number(exponent) + significant.length - fraction.length;
  if (scientific) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    const power = String(Math.abs(point - 1)).padStart(2, '0');
    return `${sign}${mantissa}e${point > 0 ? '+' : '-'}${power}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point).padEnd(point, '0')}.${digits.slice(point) || '0'}`;
}
