-- CreateTable
CREATE TABLE "backups" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "database_id" UUID NOT NULL,
    "engine" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'in_progress',
    "target_id" UUID,
    "object_key" TEXT,
    "sha256" TEXT,
    "stored_bytes" BIGINT,
    "dump_bytes" BIGINT,
    "facts" JSONB,
    "verified_at" TIMESTAMPTZ(3),
    "verify_error" TEXT,
    "error" TEXT,
    "error_code" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completed_at" TIMESTAMPTZ(3),
    "deleted_at" TIMESTAMPTZ(3),
    "purged_at" TIMESTAMPTZ(3),

    CONSTRAINT "backups_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "restores" (
    "id" UUID NOT NULL,
    "database_id" UUID NOT NULL,
    "backup_id" UUID NOT NULL,
    "mode" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'in_progress',
    "safety_id" UUID,
    "error" TEXT,
    "error_code" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completed_at" TIMESTAMPTZ(3),

    CONSTRAINT "restores_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "backup_targets" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "endpoint" TEXT NOT NULL,
    "region" TEXT NOT NULL,
    "bucket" TEXT NOT NULL,
    "prefix" TEXT NOT NULL DEFAULT '',
    "access_key_id" TEXT NOT NULL,
    "secret_key" TEXT NOT NULL,
    "checked_at" TIMESTAMPTZ(3),
    "check_error" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "backup_targets_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "backup_schedules" (
    "database_id" UUID NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "schedule" TEXT NOT NULL,
    "time_zone" TEXT,
    "target_id" UUID,
    "keep_count" INTEGER NOT NULL,
    "keep_days" INTEGER NOT NULL,
    "verify" BOOLEAN NOT NULL DEFAULT true,
    "next_run_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "backup_schedules_pkey" PRIMARY KEY ("database_id")
);

-- CreateIndex
CREATE INDEX "backups_database_id_created_at_id_idx" ON "backups"("database_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "backups_project_id_created_at_id_idx" ON "backups"("project_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "backups_target_id_idx" ON "backups"("target_id");

-- CreateIndex
CREATE INDEX "restores_database_id_created_at_idx" ON "restores"("database_id", "created_at" DESC);

-- CreateIndex
CREATE INDEX "restores_backup_id_idx" ON "restores"("backup_id");

-- CreateIndex
CREATE UNIQUE INDEX "backup_targets_user_id_name_key" ON "backup_targets"("user_id", "name");

-- CreateIndex
CREATE INDEX "backup_schedules_next_run_at_idx" ON "backup_schedules"("next_run_at");

-- CreateIndex
CREATE INDEX "backup_schedules_target_id_idx" ON "backup_schedules"("target_id");

-- AddForeignKey
ALTER TABLE "backups" ADD CONSTRAINT "backups_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "backups" ADD CONSTRAINT "backups_database_id_fkey" FOREIGN KEY ("database_id") REFERENCES "databases"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "backups" ADD CONSTRAINT "backups_target_id_fkey" FOREIGN KEY ("target_id") REFERENCES "backup_targets"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "restores" ADD CONSTRAINT "restores_database_id_fkey" FOREIGN KEY ("database_id") REFERENCES "databases"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "restores" ADD CONSTRAINT "restores_backup_id_fkey" FOREIGN KEY ("backup_id") REFERENCES "backups"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "backup_schedules" ADD CONSTRAINT "backup_schedules_database_id_fkey" FOREIGN KEY ("database_id") REFERENCES "databases"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "backup_schedules" ADD CONSTRAINT "backup_schedules_target_id_fkey" FOREIGN KEY ("target_id") REFERENCES "backup_targets"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- Files that are to be removed: the model Backup names it.
CREATE INDEX "backups_to_purge" ON "backups" ("created_at") WHERE "purged_at" IS NULL AND ("status" = 'failed' OR "deleted_at" IS NOT NULL);
-- A second restore of a database is refused while one is under way: the model Restore names it.
CREATE UNIQUE INDEX "restores_one_at_a_time" ON "restores" ("database_id") WHERE "status" = 'in_progress';
