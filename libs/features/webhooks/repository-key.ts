/** One name for a repository however its URL is written. Pure. */

/** `https://GitHub.com/Owner/App.git/` -> `github.com/owner/app`. Git hosts do not tell repositories apart by case. */
export function repositoryKey(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`
    .toLowerCase()
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .replace(/\/+$/, '');
}

/** Whether the name that a payload gives (`owner/app`) is the end of the key. Self-hosted ones may live below a path. */
export function isNamed(key: string, fullName: string | null): boolean {
  return fullName === null || key.endsWith(`/${fullName.toLowerCase()}`);
}
