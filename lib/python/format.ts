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
