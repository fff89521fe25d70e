/** Text that is HTML already; {@link html} escapes every other value. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** What {@link html} takes: text and numbers are escaped, undefined and false are left out, lists are joined. */
export type HtmlValue = Html | string | number | undefined | false | readonly HtmlValue[];

/** A piece of HTML from a template literal whose values are escaped, so that no name can become markup. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(String.raw({ raw: strings }, ...values.map(render)));
}

/**
 * JSON for a script element: no `<` in it, so that neither `</script>` nor `<!--` can end or change the element.
 * Numbers that JSON lacks become null.
 */
export function scriptJson(value: unknown): Html {
  return new Html(JSON.stringify(value).replaceAll('<', '\\u003c'));
}

function render(value: HtmlValue): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
