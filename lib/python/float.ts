/** Python's `repr` of a float: the shortest digits that round-trip, `1.0`, `-0.0`, `1e-05`, `1e+16`, `nan`. */
export function pythonFloat(value: number): string {
  return layOut(value, value.toString());
}

/** numpy's `str` of a float32: the shortest digits that round-trip, scientific below 1e-4 and from 1e16 on. */
export function pythonFloat32(value: number): string {
  const float = Math.fround(value);
  if (!Number.isFinite(float)) return pythonFloat(float);
  let digits = 1;
  while (Math.fround(Number(toPrecision(float, digits))) !== float) digits++;
  return layOut(float, toPrecision(float, digits));
}

/** As Number.prototype.toPrecision, but an exact tie goes to the even digit: 1/4096 is 0.00024414062. */
function toPrecision(value: number, digits: number): string {
  const oneMore = value.toExponential(digits);
  const [mantissa, exponent] = oneMore.split('e') as [string, string];
  const isTie = Number(oneMore) === value && mantissa.endsWith('5');
  const below = mantissa.slice(0, -1);
  const isEven = Number(below.replace('.', '').at(-1)) % 2 === 0;
  return isTie && isEven ? `${below.replace(/\.$/, '')}e${exponent}` : value.toPrecision(digits);
}

/** Lays out the digits in `text`, which JavaScript wrote of `value`, as Python does: `2.5e-07`, `0.0001`, `1.0`. */
function layOut(value: number, text: string): string {
  if (Number.isNaN(value)) return 'nan';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (!Number.isFinite(value)) return `${sign}inf`;
  const [, whole, fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text)!;
  const significant = (whole! + fraction).replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '') || '0';
  // The value is 0.<digits> x 10^point.
  const point = digits === '0' ? 1 : Number(exponent) + significant.length - fraction.length;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    const power = String(Math.abs(point - 1)).padStart(2, '0');
    return `${sign}${mantissa}e${point > 0 ? '+' : '-'}${power}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point).padEnd(point, '0')}.${digits.slice(point) || '0'}`;
}
