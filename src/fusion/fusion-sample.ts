/** What `fusion init` writes: one pipe into one view, on loopback. */

export const SAMPLE_VIEW = "files";

export const fusionSample = ({ pushKey, readKey }: { readonly pushKey: string; readonly readKey: string }): string =>
  `# The embedded Fusion of Fustor Agent: run it with \`fustor-agent fusion\`. docs/fusion.md has every key.

host: 127.0.0.1          # of the views; readers ask here
port: 8101

# Where agents push.
receivers:
  in:
    driver: http
    bind_host: 127.0.0.1
    port: 8102
    api_keys:
      - key: "${pushKey}"      # the agent's credential
        pipe_id: files-pipe

# What readers see.
views:
  ${SAMPLE_VIEW}:
    driver: fs
    api_keys: ["${readKey}"]
    driver_params:
      max_tree_items: 0    # entries a query may touch; 0 = no limit

# Which receiver feeds which views.
pipes:
  files-pipe:
    receiver: in
    views: [${SAMPLE_VIEW}]
    # audit_interval_sec: 600
    # sentinel_interval_sec: 120
    # session_timeout_seconds: 30
`;
