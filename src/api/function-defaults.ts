/** What a create request may leave out, and what it then means. */
export const functionDefaults = {
  handler: "handler",
  env: {},
  vcpu: 1,
  memory_mb: 256,
  timeout_seconds: 30,
  min_vms: 0,
  max_vms: 1,
  max_concurrency: 0,
  idle_timeout_seconds: 600,
  egress: "internet" as const,
};
