-- CreateIndex
CREATE INDEX "audit_logs_tenant_id_user_id_seq_idx" ON "audit_logs"("tenant_id", "user_id", "seq");

-- CreateIndex
CREATE INDEX "audit_logs_project_id_resource_seq_idx" ON "audit_logs"("project_id", "resource", "seq");

-- CreateIndex
CREATE INDEX "audit_logs_project_id_action_seq_idx" ON "audit_logs"("project_id", "action", "seq");

-- CreateIndex
CREATE INDEX "audit_logs_project_id_resource_action_seq_idx" ON "audit_logs"("project_id", "resource", "action", "seq");

-- CreateIndex
CREATE INDEX "audit_logs_project_id_user_id_seq_idx" ON "audit_logs"("project_id", "user_id", "seq");
