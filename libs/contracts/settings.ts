/** Settings of the installation that its administrator changes while it runs. */
import { z } from 'zod';

export const settings = z
  .object({ registration_open: z.boolean().describe('Whether strangers may create an account.') })
  .meta({ id: 'Settings' });
export type Settings = z.output<typeof settings>;

export const updateSettingsRequest = settings.partial().meta({ id: 'UpdateSettingsRequest' });
export type UpdateSettingsRequest = z.output<typeof updateSettingsRequest>;
