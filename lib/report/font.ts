import { createRequire } from 'node:module';

/**
 * The typeface of all pictures. Arimo has the widths of Arial, so that a picture looks the same in a browser, which
 * has Arial or a font like it, and as PNG, which is drawn with the Arimo that this package depends on.
 */
export const FONT_FAMILY = 'Arial, Arimo, Helvetica, sans-serif';

/** Paths of the font's files: regular and bold. */
export function fontFiles(): string[] {
  const { resolve } = createRequire(import.meta.url);
  return ['400Regular/Arimo_400Regular.ttf', '700Bold/Arimo_700Bold.ttf'].map((file) =>
    resolve(`@expo-google-fonts/arimo/${file}`),
  );
}
