/** One comment of ours on a pull request, found again by a marker that readers do not see. */
export interface Comment {
  id: string;
  /** What tells its author from others, as the provider has it. */
  author: string;
  text: string;
}

export interface CommentStore {
  /** Who we are, in the words of `Comment.author`. */
  self(): Promise<string>;
  list(): Promise<Comment[]>;
  create(text: string): Promise<string>;
  update(id: string, text: string): Promise<void>;
}

/** @param markerLine what the comment begins with. Another's comment that quotes it is not ours to change. */
export async function upsertComment(store: CommentStore, markerLine: string, body: string): Promise<{ id: string }> {
  const text = `${markerLine}\n\n${body}`;
  const marked = (await store.list()).filter((comment) => comment.text.startsWith(markerLine));
  const self = marked.length > 0 ? await store.self() : null;
  const own = marked.find(({ author }) => author === self);
  if (!own) return { id: await store.create(text) };
  await store.update(own.id, text);
  return { id: own.id };
}

/** Markdown shows HTML comments nowhere, except Bitbucket, which shows them as text. */
export const htmlMarker = (marker: string): string => `<!-- ${marker} -->`;
/** An unused link definition: https://spec.commonmark.org/0.31.2/#link-reference-definitions */
export const linkMarker = (marker: string): string => `[//]: # (${marker})`;
