/** The object stores there are: the platform's own folder, and whatever buckets users have. */
import type { EgressGuard } from '#platform/egress.js';
import { LocalFolder, type LocalFolderOptions } from './local-folder.js';
import type { ObjectStore } from './port.js';
import type { S3Options } from './s3/s3-client.js';
import { S3Store } from './s3/s3-store.js';

export type { S3Options } from './s3/s3-client.js';

export interface ObjectStores {
  readonly own: ObjectStore;
  s3(options: S3Options): ObjectStore;
}

export class RealObjectStores implements ObjectStores {
  readonly own: ObjectStore;

  constructor(
    own: LocalFolderOptions,
    private readonly guard: EgressGuard,
  ) {
    this.own = new LocalFolder(own);
  }

  s3(options: S3Options): ObjectStore {
    return new S3Store(options, this.guard);
  }
}
