/** Headers that every answer starts with. A page may replace its policy. */

/** Answers of the API are not for a browser to render, embed or keep. */
const API = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

/** Swagger UI sets styles on its elements; its scripts and images are its own files. */
const DOCS = {
  ...API,
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
};

export const LANDING_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'";

export function headersFor(url: string): Record<string, string> {
  return url.startsWith('/docs') ? DOCS : API;
}
