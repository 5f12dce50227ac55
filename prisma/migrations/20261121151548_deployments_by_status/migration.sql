-- CreateIndex
CREATE INDEX "deployments_service_id_status_created_at_id_idx" ON "deployments"("service_id", "status", "created_at" DESC, "id" DESC);
