-- CreateTable
CREATE TABLE "databases" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "plan" TEXT NOT NULL,
    "region" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'building',
    "desired_state" TEXT NOT NULL DEFAULT 'running',
    "alias" TEXT NOT NULL,
    "credentials" TEXT NOT NULL,
    "volume_id" UUID NOT NULL,
    "settings" JSONB NOT NULL DEFAULT '{}',
    "observed" JSONB,
    "observed_at" TIMESTAMPTZ(3),
    "public_access" JSONB,
    "public_port" INTEGER,
    "error" TEXT,
    "error_code" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),
    "purged_at" TIMESTAMPTZ(3),

    CONSTRAINT "databases_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "database_volumes" (
    "id" UUID NOT NULL,
    "database_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "detached_at" TIMESTAMPTZ(3),
    "purged_at" TIMESTAMPTZ(3),

    CONSTRAINT "database_volumes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "database_links" (
    "id" UUID NOT NULL,
    "database_id" UUID NOT NULL,
    "service_id" UUID NOT NULL,
    "prefix" TEXT NOT NULL DEFAULT '',
    "variable" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "database_links_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "database_metrics" (
    "database_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "cpu_cores" DOUBLE PRECISION,
    "memory_bytes" BIGINT,
    "storage_bytes" BIGINT,
    "connections" INTEGER,
    "read_iops" DOUBLE PRECISION,
    "write_iops" DOUBLE PRECISION,
    "network_in_bytes" BIGINT,
    "network_out_bytes" BIGINT,

    CONSTRAINT "database_metrics_pkey" PRIMARY KEY ("database_id","at")
) PARTITION BY RANGE ("at");

-- What no partition of a day has been made for yet.
CREATE TABLE "database_metrics_default" PARTITION OF "database_metrics" DEFAULT;

-- CreateTable
CREATE TABLE "database_metric_rollups" (
    "database_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "cpu_cores" DOUBLE PRECISION,
    "memory_bytes" BIGINT,
    "storage_bytes" BIGINT,
    "connections" INTEGER,
    "read_iops" DOUBLE PRECISION,
    "write_iops" DOUBLE PRECISION,
    "network_in_bytes" BIGINT,
    "network_out_bytes" BIGINT,

    CONSTRAINT "database_metric_rollups_pkey" PRIMARY KEY ("database_id","at")
) PARTITION BY RANGE ("at");

-- What no partition of a day has been made for yet.
CREATE TABLE "database_metric_rollups_default" PARTITION OF "database_metric_rollups" DEFAULT;

-- CreateIndex
CREATE UNIQUE INDEX "databases_public_port_key" ON "databases"("public_port");

-- One host name and one name in a project.
CREATE UNIQUE INDEX "databases_project_alias_key" ON "databases"("project_id", "alias") WHERE "deleted_at" IS NULL;
CREATE UNIQUE INDEX "databases_project_name_key" ON "databases"("project_id", "name") WHERE "deleted_at" IS NULL;

-- CreateIndex
CREATE INDEX "databases_project_id_created_at_id_idx" ON "databases"("project_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "database_volumes_database_id_idx" ON "database_volumes"("database_id");

-- CreateIndex
CREATE INDEX "database_volumes_detached_at_idx" ON "database_volumes"("detached_at");

-- CreateIndex
CREATE INDEX "database_links_database_id_idx" ON "database_links"("database_id");

-- CreateIndex
CREATE UNIQUE INDEX "database_links_service_id_variable_key" ON "database_links"("service_id", "variable");

-- AddForeignKey
ALTER TABLE "databases" ADD CONSTRAINT "databases_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "database_volumes" ADD CONSTRAINT "database_volumes_database_id_fkey" FOREIGN KEY ("database_id") REFERENCES "databases"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "database_links" ADD CONSTRAINT "database_links_database_id_fkey" FOREIGN KEY ("database_id") REFERENCES "databases"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "database_links" ADD CONSTRAINT "database_links_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "services"("id") ON DELETE CASCADE ON UPDATE CASCADE;
