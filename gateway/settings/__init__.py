"""Settings: every key the gateway knows, where its value comes from, and what it may be.

The same flat names everywhere; what stands lower in this list wins:

1. the default below;
2. `gateway.toml` (`--config FILE`, else the file `GATEWAY_CONFIG` names, else `./gateway.toml`);
3. `DATABASE_URL`, for the database alone;
4. `GATEWAY_<NAME>`, or `GATEWAY_<NAME>_FILE`: the value is what that file holds;
5. flags: `--name value`.

A key or `GATEWAY_` variable that is not in the table is refused, with the nearest known name.
Lists are TOML arrays, or separated by commas. Relative paths in `gateway.toml` count from its
folder, all others from the working folder. An empty variable counts as not set.
"""

from gateway.settings.sources import BadSettings
from gateway.settings.table import Settings, keys
from gateway.settings.values import Key, Stage, host_and_port

__all__ = ["BadSettings", "Key", "Settings", "Stage", "host_and_port", "keys"]
