/** Arial's advance widths of the characters of titles and labels, in thousandths of the size of the letters. */
const WIDTHS: Record<number, string> = {
  222: 'ijl',
  278: ' !,./:;I[\\]ft',
  333: '()-`r',
  500: 'Jckvsxyz',
  556: '#$0123456789?L_abdeghnopqu–',
  611: 'FTZ',
  667: '&ABEKPSVXY',
  722: 'CDHNRUw',
  778: 'GOQ',
  833: 'Mm',
  889: '%',
  944: 'W',
};
const WIDTH_OF = new Map(
  Object.entries(WIDTHS).flatMap(([width, characters]) => [...characters].map((c) => [c, Number(width)])),
);
const OTHERS = 600;
/** How much wider bold letters are, on average. */
const BOLD = 1.07;

/**
 * The width of a line in {@link FONT_FAMILY}, near enough to lay out a picture by. Vega, which has no canvas to measure
 * with, would take every letter to be 0.8 of its height, and leave wide gaps.
 * @param size of the letters
 */
export function textWidth(text: string, size: number, isBold: boolean): number {
  const width = [...text].reduce((sum, character) => sum + (WIDTH_OF.get(character) ?? OTHERS), 0);
  return (width / 1000) * size * (isBold ? BOLD : 1);
}
