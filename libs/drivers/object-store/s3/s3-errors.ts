/** What an S3 server or the way to it says, as the errors of the port. Codes: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
import { type AppError, Capacity, Invalid, Unavailable } from '#platform/errors.js';
import { objectNotFound } from '../port.js';
import { textsOf } from './s3-xml.js';

interface Target {
  endpoint: string;
  bucket: string;
}

/** Storage that is used up, as AWS-like servers (MinIO: XMinioStorageFull, Ceph: QuotaExceeded, others 507) say it. */
const FULL = /StorageFull|QuotaExceeded|InsufficientStorage|NoSpace|InsufficientCapacity/i;
const DENIED = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'AllAccessDisabled',
  'AccountProblem',
]);

export function refusedByS3(status: number, body: string, target: Target, key: string): AppError {
  const [code = ''] = textsOf(body, 'Code');
  const [said = ''] = textsOf(body, 'Message');
  const cause = new Error(`HTTP ${status} ${code}: ${said}`);
  const where = `the bucket ${target.bucket} at ${target.endpoint}`;
  if (code === 'NoSuchBucket' || (status === 404 && key === '')) {
    const message = `There is no bucket ${target.bucket} at ${target.endpoint}: make it, or correct the backup target.`;
    return new Invalid('object_store_missing', message, { cause });
  }
  if (status === 404) return objectNotFound(key);
  if (FULL.test(code) || status === 507) {
    return new Capacity('object_store_full', `There is no room left in ${where}. ${said}`.trim(), { cause });
  }
  if (DENIED.has(code) || status === 401 || status === 403) {
    const message = `Access to ${where} was refused (${code || status}): check the keys of the backup target, their rights and the clock.`;
    return new Invalid('object_store_denied', message, { cause });
  }
  if (status >= 500 || status === 408 || status === 429) {
    if (status !== 501) return unreachable(target, cause);
  }
  return new Invalid('object_store_refused', `${where} refused: ${code || status} ${said}`.trim(), { cause });
}

export function unreachable({ endpoint }: Target, cause: unknown): Unavailable {
  return new Unavailable('object_store_unreachable', `The object store ${endpoint} does not answer as it should.`, {
    cause,
  });
}
