-- CreateTable
CREATE TABLE "git_providers" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "base_url" TEXT,
    "username" TEXT,
    "login" TEXT,
    "token" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "git_providers_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "git_providers_user_id_idx" ON "git_providers"("user_id");
