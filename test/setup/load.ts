/** The set-up is plain JavaScript without types (it runs before any package is installed), so its modules come as `any`. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export const load = (name: string): any => jest.requireActual(`../../deploy/${name}`);
