-- CreateTable
CREATE TABLE "project_members" (
    "project_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "role" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "project_members_pkey" PRIMARY KEY ("project_id","user_id")
);

-- CreateTable
CREATE TABLE "invitations" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "token_hash" TEXT NOT NULL,
    "invited_by" UUID NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "accepted_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "invitations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_tokens" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "project_id" UUID,
    "name" TEXT NOT NULL,
    "token_hash" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "scopes" TEXT[],
    "cidrs" TEXT[],
    "expires_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "api_tokens_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_logs" (
    "tenant_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "id" UUID NOT NULL,
    "user_id" UUID,
    "user_email" TEXT,
    "project_id" UUID,
    "resource" TEXT NOT NULL,
    "resource_id" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "details" TEXT NOT NULL,
    "ip_address" TEXT,
    "user_agent" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_logs_pkey" PRIMARY KEY ("tenant_id","seq")
);

-- CreateTable
CREATE TABLE "audit_chains" (
    "tenant_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_chains_pkey" PRIMARY KEY ("tenant_id")
);

-- CreateTable
CREATE TABLE "builds" (
    "id" UUID NOT NULL,
    "user_id" UUID,
    "project_id" UUID,
    "service_id" UUID,
    "deployment_id" UUID,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "build_type" TEXT,
    "request" TEXT,
    "image_name" TEXT NOT NULL,
    "image_tag" TEXT NOT NULL,
    "image_id" TEXT,
    "digest" TEXT,
    "size_bytes" BIGINT,
    "steps_done" INTEGER NOT NULL DEFAULT 0,
    "steps_total" INTEGER NOT NULL DEFAULT 0,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "error" TEXT,
    "error_code" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "completed_at" TIMESTAMPTZ(3),

    CONSTRAINT "builds_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "registry_credentials" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "registry" TEXT NOT NULL,
    "username" TEXT NOT NULL,
    "password" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "registry_credentials_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "domains" (
    "id" UUID NOT NULL,
    "service_id" UUID NOT NULL,
    "hostname" TEXT NOT NULL,
    "redirect_https" BOOLEAN NOT NULL DEFAULT true,
    "tls" TEXT NOT NULL DEFAULT 'automatic',
    "certificate" TEXT,
    "private_key" TEXT,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "last_check" JSONB,
    "checked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "domains_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "user_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" TEXT NOT NULL,
    "response_status" INTEGER,
    "response_body" TEXT,
    "locked_until" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("user_id","key")
);

-- CreateTable
CREATE TABLE "release_logs" (
    "deployment_id" UUID NOT NULL,
    "replica" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "content" BYTEA NOT NULL,
    "lines" INTEGER NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "release_logs_pkey" PRIMARY KEY ("deployment_id","replica","at")
) PARTITION BY RANGE ("at");

-- What no partition of a day has been made for yet.
CREATE TABLE "release_logs_default" PARTITION OF "release_logs" DEFAULT;

-- CreateTable
CREATE TABLE "service_metrics" (
    "service_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "cpu_cores" DOUBLE PRECISION,
    "memory_bytes" BIGINT,
    "network_in_bytes" BIGINT,
    "network_out_bytes" BIGINT,
    "requests" INTEGER,
    "errors" INTEGER,
    "p95_ms" DOUBLE PRECISION,

    CONSTRAINT "service_metrics_pkey" PRIMARY KEY ("service_id","at")
) PARTITION BY RANGE ("at");

-- What no partition of a day has been made for yet.
CREATE TABLE "service_metrics_default" PARTITION OF "service_metrics" DEFAULT;

-- CreateIndex
CREATE INDEX "project_members_user_id_idx" ON "project_members"("user_id");

-- CreateIndex
CREATE UNIQUE INDEX "invitations_token_hash_key" ON "invitations"("token_hash");

-- CreateIndex
CREATE INDEX "invitations_project_id_created_at_idx" ON "invitations"("project_id", "created_at");

-- CreateIndex
CREATE UNIQUE INDEX "api_tokens_token_hash_key" ON "api_tokens"("token_hash");

-- CreateIndex
CREATE INDEX "api_tokens_user_id_created_at_idx" ON "api_tokens"("user_id", "created_at");

-- CreateIndex
CREATE UNIQUE INDEX "audit_logs_id_key" ON "audit_logs"("id");

-- CreateIndex
CREATE INDEX "audit_logs_tenant_id_resource_seq_idx" ON "audit_logs"("tenant_id", "resource", "seq");

-- CreateIndex
CREATE INDEX "audit_logs_tenant_id_action_seq_idx" ON "audit_logs"("tenant_id", "action", "seq");

-- CreateIndex
CREATE INDEX "audit_logs_tenant_id_resource_action_seq_idx" ON "audit_logs"("tenant_id", "resource", "action", "seq");

-- CreateIndex
CREATE INDEX "audit_logs_resource_resource_id_seq_idx" ON "audit_logs"("resource", "resource_id", "seq");

-- CreateIndex
CREATE INDEX "audit_logs_project_id_seq_idx" ON "audit_logs"("project_id", "seq");

-- CreateIndex
CREATE UNIQUE INDEX "builds_deployment_id_key" ON "builds"("deployment_id");

-- CreateIndex
CREATE INDEX "builds_project_id_created_at_id_idx" ON "builds"("project_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "builds_project_id_status_created_at_id_idx" ON "builds"("project_id", "status", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "builds_service_id_created_at_id_idx" ON "builds"("service_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "builds_user_id_created_at_id_idx" ON "builds"("user_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "registry_credentials_user_id_registry_key" ON "registry_credentials"("user_id", "registry");

-- CreateIndex
CREATE INDEX "domains_service_id_idx" ON "domains"("service_id");

-- CreateIndex
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");

-- AddForeignKey
ALTER TABLE "project_members" ADD CONSTRAINT "project_members_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "project_members" ADD CONSTRAINT "project_members_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "invitations" ADD CONSTRAINT "invitations_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_tokens_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "domains" ADD CONSTRAINT "domains_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "services"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What Prisma's schema language cannot say: see the comments in schema.prisma.
CREATE UNIQUE INDEX "domains_hostname_key" ON "domains"("hostname") WHERE "deleted_at" IS NULL;
