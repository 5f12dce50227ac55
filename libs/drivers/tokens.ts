/** Injection tokens of the ports. */
export const RUNTIME = Symbol('ContainerRuntime');
export const BUILDER = Symbol('Builder');
export const BUILD_PROGRAMS = Symbol('BuildPrograms');
export const SOURCE = Symbol('SourceStore');
export const INGRESS = Symbol('Ingress');
