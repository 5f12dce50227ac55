import { objectStoreConformance } from './conformance.js';
import { FakeObjectStore } from './fake.js';

objectStoreConformance('fake', async () => {
  const store = new FakeObjectStore();
  return { store, again: () => store, dispose: async () => undefined };
});
