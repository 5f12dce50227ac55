-- AlterTable
ALTER TABLE "services" ADD COLUMN     "triggers" JSONB NOT NULL DEFAULT '{}';

-- CreateTable
CREATE TABLE "git_hooks" (
    "id" UUID NOT NULL,
    "project_id" UUID,
    "provider_id" UUID,
    "repository" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "secret" TEXT NOT NULL,
    "previous_secret" TEXT,
    "previous_until" TIMESTAMPTZ(3),
    "status" TEXT NOT NULL,
    "external_id" TEXT,
    "error" TEXT,
    "error_code" TEXT,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "checked_at" TIMESTAMPTZ(3),
    "next_check_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "git_hooks_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "webhook_deliveries" (
    "id" UUID NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "hook_id" UUID NOT NULL,
    "delivery_id" TEXT NOT NULL,
    "body_sha256" BYTEA NOT NULL,
    "sender" TEXT NOT NULL,
    "event" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'received',
    "reason" TEXT,
    "results" JSONB NOT NULL DEFAULT '[]',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completed_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhook_deliveries_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "watched_refs" (
    "service_id" UUID NOT NULL,
    "repository" TEXT NOT NULL,
    "branch" TEXT,
    "commit" TEXT,
    "version" INTEGER NOT NULL DEFAULT 0,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "quiet" INTEGER NOT NULL DEFAULT 0,
    "error" TEXT,
    "checked_at" TIMESTAMPTZ(3),
    "next_check_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "watched_refs_pkey" PRIMARY KEY ("service_id")
);

-- CreateTable
CREATE TABLE "deployed_tags" (
    "service_id" UUID NOT NULL,
    "tag" TEXT NOT NULL,
    "commit" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "deployed_tags_pkey" PRIMARY KEY ("service_id","tag","commit")
);

-- CreateTable
CREATE TABLE "deploy_hooks" (
    "id" UUID NOT NULL,
    "service_id" UUID NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "previous_hash" TEXT,
    "previous_until" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "rotated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "deploy_hooks_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "webhook_deliveries_hook_id_seq_idx" ON "webhook_deliveries"("hook_id", "seq" DESC);

-- CreateIndex
CREATE INDEX "webhook_deliveries_received_at_idx" ON "webhook_deliveries"("received_at");

-- CreateIndex
CREATE UNIQUE INDEX "webhook_deliveries_hook_id_delivery_id_body_sha256_key" ON "webhook_deliveries"("hook_id", "delivery_id", "body_sha256");

-- CreateIndex
CREATE INDEX "watched_refs_next_check_at_idx" ON "watched_refs"("next_check_at");

-- CreateIndex
CREATE UNIQUE INDEX "deploy_hooks_service_id_key" ON "deploy_hooks"("service_id");

-- AddForeignKey
ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_hook_id_fkey" FOREIGN KEY ("hook_id") REFERENCES "git_hooks"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "watched_refs" ADD CONSTRAINT "watched_refs_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "services"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deploy_hooks" ADD CONSTRAINT "deploy_hooks_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "services"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- One hook of a repository in a project, and one for each connected provider.
CREATE UNIQUE INDEX "git_hooks_project_key" ON "git_hooks" ("project_id", "repository") WHERE provider_id IS NULL;
CREATE UNIQUE INDEX "git_hooks_provider_key" ON "git_hooks" ("provider_id", "repository") WHERE provider_id IS NOT NULL;

-- Partial: only what is open is in it, so it stays small.
CREATE INDEX "webhook_deliveries_open_idx" ON "webhook_deliveries" ("hook_id", "seq") WHERE status = 'received';
