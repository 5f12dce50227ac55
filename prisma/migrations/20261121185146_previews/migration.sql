-- CreateTable
CREATE TABLE "preview_settings" (
    "service_id" UUID NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT false,
    "ttl_hours" INTEGER NOT NULL DEFAULT 72,
    "variables" TEXT,
    "next_check_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "error" TEXT,

    CONSTRAINT "preview_settings_pkey" PRIMARY KEY ("service_id")
);

-- CreateTable
CREATE TABLE "previews" (
    "id" UUID NOT NULL,
    "parent_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "service_id" UUID,
    "title" TEXT NOT NULL,
    "author" TEXT,
    "web_url" TEXT,
    "repository" TEXT NOT NULL,
    "branch" TEXT NOT NULL,
    "head_commit" TEXT NOT NULL,
    "is_fork" BOOLEAN NOT NULL,
    "approved_commit" TEXT,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(3),
    "close_reason" TEXT,

    CONSTRAINT "previews_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "preview_settings_next_check_at_idx" ON "preview_settings"("next_check_at");

-- CreateIndex
CREATE UNIQUE INDEX "previews_service_id_key" ON "previews"("service_id");

-- CreateIndex
CREATE INDEX "previews_parent_id_created_at_id_idx" ON "previews"("parent_id", "created_at" DESC, "id" DESC);

-- AddForeignKey
ALTER TABLE "preview_settings" ADD CONSTRAINT "preview_settings_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "services"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "previews" ADD CONSTRAINT "previews_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "services"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "previews" ADD CONSTRAINT "previews_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "services"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- What Prisma's schema language cannot say: see the comment in schema.prisma.
CREATE UNIQUE INDEX "previews_open_key" ON "previews"("parent_id", "number") WHERE "closed_at" IS NULL;
