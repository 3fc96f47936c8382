// How the agent's process is started wherever Heddle starts one. V8 reads these only from its command line.

/**
 * Arguments for node. A proxy's garbage dies young, so a small young generation costs no processor time and keeps tens
 * of megabytes from being touched; one helper thread is enough for collecting it.
 */
export const agentNodeArguments: readonly string[] = ["--max-semi-space-size=2", "--v8-pool-size=1"];
