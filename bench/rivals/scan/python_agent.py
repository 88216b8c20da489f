"""The snapshot of the Python agent's own fs source, its events thrown away: no bus, no sender."""

import json
import logging
import os
import sys
import time

logging.disable(logging.CRITICAL)
from fustor_core.models.config import PasswdCredential, SourceConfig  # noqa: E402
from fustor_source_fs import FSDriver  # noqa: E402

config = SourceConfig(driver="fs", uri=sys.argv[1], credential=PasswdCredential(user="bench"), driver_params={})
driver = FSDriver("bench", config)
begun = time.monotonic()
entries = sum(len(event.rows) for event in driver.get_snapshot_iterator())
print(json.dumps({"seconds": time.monotonic() - begun, "entries": entries}))
sys.stdout.flush()
os._exit(0)
