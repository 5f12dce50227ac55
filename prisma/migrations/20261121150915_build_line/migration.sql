-- AlterTable
ALTER TABLE "builds" ADD COLUMN     "waiting_since" TIMESTAMPTZ(3);

-- Partial: only what is open is in it, so it stays small.
CREATE INDEX "builds_open_idx" ON "builds" ("status", "waiting_since") WHERE status IN ('pending', 'running');
