/** Image references: `name[:tag][@sha256:digest]` or an image id. Grammar: github.com/distribution/reference. Pure. */
import { Invalid } from '#platform/errors.js';

export interface ImageRef {
  /** `sha256:...` when the reference is an id, which no registry can be asked for. */
  id: string | null;
  /** Repository with its registry, e.g. `registry.example.com:5000/team/app`; empty for an id. */
  repository: string;
  /** Tag, or `sha256:...` digest (which wins), as `POST /images/create` takes it; `latest` when none is given. */
  tag: string;
}

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*';
const DOMAIN = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?';
const REPOSITORY = `(?:${DOMAIN}/)?${COMPONENT}(?:/${COMPONENT})*`;
const REFERENCE = new RegExp(`^(${REPOSITORY})(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(sha256:[a-f0-9]{64}))?$`);
const ID = /^sha256:[a-f0-9]{64}$/;

/** @throws Invalid `image_ref_invalid` */
export function parseImageRef(ref: string): ImageRef {
  if (ID.test(ref)) return { id: ref, repository: '', tag: '' };
  const [, repository, tag, digest] = (ref.length <= 512 && REFERENCE.exec(ref)) || [];
  if (!repository || repository.length > 255) {
    const message = `"${ref.slice(0, 100)}" is not an image reference; write it like nginx:1.27 or registry.example.com/team/app:1.0.`;
    throw new Invalid('image_ref_invalid', message);
  }
  return { id: null, repository, tag: digest ?? tag ?? 'latest' };
}

/** Registry of a reference as credentials name it: the first part when it looks like a host, else Docker Hub. */
export function registryOf(ref: string): string {
  const first = ref.includes('/') ? (ref.split('/')[0] ?? '') : '';
  return /[.:]|^localhost$/.test(first) ? first.toLowerCase() : 'docker.io';
}
