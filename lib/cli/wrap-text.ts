/** Breaks lines of `width` characters or more at spaces, and words that are longer than a line anywhere. */
export function wrapText(text: string, width: number): string {
  const most = Math.max(1, width - 1);
  return text
    .split('\n')
    .flatMap((line) => wrapLine(line, most))
    .join('\n');
}

function wrapLine(line: string, most: number): string[] {
  if (line.length <= most) return [line];
  const space = line.lastIndexOf(' ', most);
  const end = space > 0 ? space : most;
  return [line.slice(0, end), ...wrapLine(line.slice(end).trimStart(), most)];
}
