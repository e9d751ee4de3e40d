"""Whom the gateway believes: pinned authorities, its own keys, and revocation answers."""

from gateway.trust.anchors import check_own_certificate, load_ap_anchors, load_smp_anchors
from gateway.trust.keyring import KeyRing, load_key_ring, watched_key_files
from gateway.trust.responders import Responders
from gateway.trust.revocation import RevocationLists
from gateway.trust.trust import Trust

__all__ = [
    "KeyRing",
    "Responders",
    "RevocationLists",
    "Trust",
    "check_own_certificate",
    "load_ap_anchors",
    "load_key_ring",
    "load_smp_anchors",
    "watched_key_files",
]
