-- CreateTable
CREATE TABLE "deployment_reports" (
    "deployment_id" UUID NOT NULL,
    "reported" TEXT,
    "reported_at" TIMESTAMPTZ(3),
    "external_id" TEXT,
    "version" INTEGER NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3),
    "error" TEXT,
    "error_code" TEXT,

    CONSTRAINT "deployment_reports_pkey" PRIMARY KEY ("deployment_id")
);

-- AddForeignKey
ALTER TABLE "deployment_reports" ADD CONSTRAINT "deployment_reports_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "deployments"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What Prisma's schema language cannot say: see the comment in schema.prisma.
CREATE INDEX "deployment_reports_due_idx" ON "deployment_reports"("next_attempt_at") WHERE "next_attempt_at" IS NOT NULL;
