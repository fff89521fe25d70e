/** A server-sent event, its data parsed. */
export interface ReceivedEvent {
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
  data: any;
}

/** The events of a stream as they come; ends when the server ends it. */
export async function* eventStream(url: string): AsyncGenerator<ReceivedEvent> {
  yield* eventsOf(await fetch(url));
}

/** The events of a response, as {@link eventStream}. */
export async function* eventsOf(response: Response): AsyncGenerator<ReceivedEvent> {
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    // A long message comes in many chunks, of which only the last can end it.
    if (!/^\n|\n\n|\n$/.test(chunk)) continue;
    const messages = text.split('\n\n');
    text = messages.pop()!;
    for (const message of messages) {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(message)!;
      yield { event: event!, data: JSON.parse(data!) };
    }
  }
}
