import { runtimeConformance } from './conformance.js';
import { DockerRuntime } from './docker/docker-runtime.js';
import { makeTestImage } from './testing/test-image.js';

runtimeConformance('docker', async () => {
  const image = await makeTestImage();
  const runtime = new DockerRuntime();
  const dispose = async () => {
    runtime.close();
    await image.remove();
  };
  return { runtime, image: image.ref, dispose };
});
