"""Who judges certificates: one for access points, one for those who publish metadata."""

from datetime import timedelta

from gateway.errors import Unavailable
from gateway.ports import HttpAsker, HttpGetter
from gateway.settings import Settings
from gateway.trust import (
    KeyRing,
    Responders,
    RevocationLists,
    Trust,
    load_ap_anchors,
    load_smp_anchors,
)

__all__ = ["Nobody", "build_trusts"]


def build_trusts(
    settings: Settings, keys: KeyRing, *, getter: HttpGetter, asker: HttpAsker
) -> tuple[Trust, Trust]:
    """Return the judges of access points and of publishers, with one memory of revocations.

    *getter* fetches revocation lists, *asker* asks responders.  Raises BadSettings.
    """
    kept = settings.data_dir / "revocation"
    grace = timedelta(seconds=settings.revocation_stale_grace_seconds)
    lists = RevocationLists(getter=getter, folder=kept, stale_grace=grace)
    responders = Responders(asker=asker, folder=kept)
    accepts = settings.revocation_without_address == "accept"
    access_points, publishers = (
        Trust(
            anchors=anchors,
            keys=keys,
            lists=lists,
            responders=responders,
            accept_without_address=accepts,
        )
        for anchors in (load_ap_anchors(settings), load_smp_anchors(settings))
    )
    return access_points, publishers


class Nobody:
    """Is asked when only what is kept on disk may count: it opens no connection."""

    async def get(self, url: str, *, bytes_max: int, timeout_seconds: float) -> bytes:
        """Raise Unavailable."""
        del bytes_max, timeout_seconds
        raise Unavailable(f"{url} is not asked")

    async def ask(
        self, url: str, *, content_type: str, body: bytes, bytes_max: int, timeout_seconds: float
    ) -> bytes:
        """Raise Unavailable."""
        del content_type, body, bytes_max, timeout_seconds
        raise Unavailable(f"{url} is not asked")
