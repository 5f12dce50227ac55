/** Which pushes a service deploys. Pure. */

/** https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs, GitLab's and the ones of other platforms. */
const SKIP =
  /\[(?:skip[ -](?:ci|cd|actions|deploy|render|railway|containr)|(?:ci|cd|actions|deploy|render|railway|containr)[ -]skip|no ci)\]/i;
/** A trailer of git (git-interpret-trailers(1)): a line of the last paragraph. */
const TRAILER = /^skip-checks:[ \t]*true[ \t]*$/im;

/** The words in the message by which its author asks for no deployment; null without. */
export function skipWord(message: string): string | null {
  const last =
    message
      .trimEnd()
      .split(/\n[ \t]*\r?\n/)
      .at(-1) ?? '';
  return (SKIP.exec(message) ?? TRAILER.exec(last))?.[0]?.trim() ?? null;
}

/**
 * `*` any characters, `?` one. No regular expression: a pattern of somebody's own must not be able to keep a worker busy. Only the last `*`
 * is ever tried again, so the work is at most length times length.
 */
function fits(pattern: string, text: string): boolean {
  let [p, t, star, from] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') {
      [star, from] = [p, t];
      p += 1;
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      from += 1;
      [p, t] = [star + 1, from];
    } else return false;
  }
  return /^\**$/.test(pattern.slice(p));
}

/** Tags have slashes but no folders: `v*` fits `v1/x`, too. */
export function tagFits(pattern: string, tag: string): boolean {
  return fits(pattern, tag);
}

/** The path itself, or something below it. `**` stands for any number of folders. */
function pathFits(glob: string[], path: string[]): boolean {
  // reach[j]: the pattern so far fits the first j parts.
  let reach = path.map(() => false);
  reach.unshift(true);
  for (const part of glob) {
    const next = reach.map(() => false);
    for (const [j, reached] of reach.entries()) {
      if (part === '**') next[j] = reached || (j > 0 && next[j - 1] === true);
      else if (reached && j < path.length && fits(part, path[j] as string)) next[j + 1] = true;
    }
    reach = next;
  }
  return reach.some(Boolean);
}

/** Whether one of the paths is watched; the last pattern that fits a path counts. Without patterns everything is. */
export function isWatched(patterns: string[], paths: string[]): boolean {
  if (patterns.length === 0) return true;
  const rules = patterns.map((pattern) => {
    const wanted = !pattern.startsWith('!');
    const parts = (wanted ? pattern : pattern.slice(1)).split('/').filter((part) => part !== '' && part !== '.');
    return { wanted, parts };
  });
  // Only exclusions: everything else is watched.
  const otherwise = rules.every((rule) => !rule.wanted);
  return paths.some((path) => {
    const parts = path.split('/');
    return rules.filter((rule) => pathFits(rule.parts, parts)).at(-1)?.wanted ?? otherwise;
  });
}
