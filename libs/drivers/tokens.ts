/** Injection tokens of the ports. */
export const RUNTIME = Symbol('ContainerRuntime');
export const BUILDER = Symbol('Builder');
export const SOURCE = Symbol('SourceStore');
export const INGRESS = Symbol('Ingress');
