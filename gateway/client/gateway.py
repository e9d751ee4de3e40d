"""The client as a whole: one method for each call of the API.

Commands, stories, tests and the crash run all talk to a gateway through this class.
"""

from gateway.client.bulk import Bulk
from gateway.client.directory import Directory
from gateway.client.documents import Documents
from gateway.client.office import Office
from gateway.client.webhooks import Webhooks
from gateway.errors import Fault, Unavailable

__all__ = ["GatewayClient"]


class GatewayClient(Documents, Bulk, Directory, Office, Webhooks):
    """The API at *url*, asked with *api_key*; an async context manager.

    With *dossier* every request is about that dossier.  Every method raises Fault when the gateway
    refuses, and Unavailable when it cannot be asked or asks to be asked again.
    """

    async def ready(self) -> bool:
        """Return whether the gateway can take work."""
        try:
            async with self.open("GET", "/health/ready"):
                return True
        except (Fault, Unavailable):
            return False
