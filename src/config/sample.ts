/** What `init` writes: a configuration that loads as it stands, each line explained. */

export const SAMPLE_CONFIG = `# Fustor Agent: which directories it watches and where it reports them.
#
# Check this file with \`fustor-agent validate\`, then run \`fustor-agent start\`.
# Every key is described in docs/config.md. Secrets can be taken from the environment (\${env:NAME}) or from a file
# (\${file:/run/secrets/fusion-key}).

# What is watched.
sources:
  - id: "my-local-files"         # unique; small letters, digits, - and _
    type: "fs"                   # the driver: a directory tree
    config:
      uri: "/data/research"      # absolute path of the root; it is only ever read
      driver_params:
        file_pattern: "*"        # shell pattern on file names; directories always pass
        # exclude: ["*.tmp"]     # shell patterns of what is left out
      # max_queue_size: 100000   # events held while the other side is away

# Where it is reported.
senders:
  - id: "to-fusion"              # unique
    type: "fusion"               # the driver; "echo" prints everything instead and needs no endpoint
    config:
      endpoint: "http://localhost:8102"     # base address of Fusion's receiver
      credential: "YOUR_API_KEY_HERE"       # the key that Fusion's administrator gave you
      # batch_size: 100          # events in one request
      # timeout_sec: 30          # how long a request may take
      driver_params:
        query:                   # how \`fustor-agent verify\` reads the view; the running agent never does
          view: "files"          # the name of the view
          key: "YOUR_READ_KEY_HERE"         # a key that may read it
          # endpoint: "http://localhost:8101"   # when it is not the same host with port 8101
      #   ca_file: "/etc/ssl/private-ca.pem"   # for https with a certificate authority of your own

# Which source goes to which sender.
pipes:
  - id: "phase-files-to-fusion"  # unique; Fusion sees it as part of the task's name
    source_id: "my-local-files"
    sender_id: "to-fusion"
    enabled: true                # starts with \`fustor-agent start\`; without this line only by its name
    # session_timeout_seconds: 30   # silence after which Fusion gives the agent up; Fusion decides when absent

# logging:
#   level: "info"                # debug, info, warn or error
`;
