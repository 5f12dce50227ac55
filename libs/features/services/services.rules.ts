/** What a service must satisfy beyond the form of each field. Pure. */
import { Cron } from 'croner';
import type { CreateServiceRequest } from '#contracts/services.js';
import { Invalid } from '#platform/errors.js';

/** The fields that rules look at, as they would be after the change. */
export interface ServiceShape {
  type: string;
  schedule: string | null;
  timeZone: string | null;
  replicas: number;
}

/** @throws Invalid `schedule_required`, `schedule_invalid`, `time_zone_invalid`, `schedule_not_allowed`, `replicas_not_allowed`. */
export function requireConsistent(service: ServiceShape): void {
  if (service.type !== 'cron') {
    if (service.schedule) throw new Invalid('schedule_not_allowed', 'Only services of type cron have a schedule.');
    return;
  }
  if (!service.schedule)
    throw new Invalid('schedule_required', 'A cron service needs a schedule of five fields, e.g. "*/5 * * * *".');
  if (service.replicas !== 1)
    throw new Invalid('replicas_not_allowed', 'A cron service runs one container at a time: replicas must be 1.');
  nextRun(service.schedule, service.timeZone, new Date());
}

/** @throws Invalid `service_type_unsupported` for types that this endpoint does not create. */
export function requireCreatable(request: Pick<CreateServiceRequest, 'type'>): void {
  if (request.type === 'database') {
    throw new Invalid(
      'service_type_unsupported',
      'Services of type database are managed databases and are not created here: choose web, worker or cron.',
    );
  }
}

/** Time of the next execution strictly after `from`; null when the schedule never comes (30 February). */
export function nextRun(schedule: string, timeZone: string | null, from: Date): Date | null {
  requireTimeZone(timeZone);
  if (schedule.trim().split(/\s+/).length !== 5) {
    throw new Invalid(
      'schedule_invalid',
      `The schedule "${schedule}" must have five fields: minute, hour, day of month, month, day of week.`,
    );
  }
  try {
    return new Cron(schedule, { mode: '5-part', timezone: timeZone ?? 'UTC' }).nextRun(from);
  } catch (cause) {
    throw new Invalid('schedule_invalid', `The schedule "${schedule}" is not valid: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function requireTimeZone(timeZone: string | null): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timeZone ?? 'UTC' });
  } catch (cause) {
    throw new Invalid(
      'time_zone_invalid',
      `"${timeZone}" is not a time zone: use an IANA name such as Europe/Berlin.`,
      { cause },
    );
  }
}

/** A DNS label made of a name in any language: at most 40 characters, never empty. */
export function hostLabel(name: string): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  return plain.slice(0, 40).replace(/^-+|-+$/g, '') || 'app';
}

/** Whether a variable of which only the name is known holds a secret. */
export function looksSecret(key: string): boolean {
  return /PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|(^|_)(PASS|PWD)$|(^|_)KEY$|PRIVATE_KEY|API_?KEY/i.test(key);
}
