"""The keys of a simulated network: made once for all schedules, for making them takes long."""

from functools import cache

from as4.certificates import Anchors, KeyPair, load_key_pair
from gateway.sandbox import pki as authorities
from gateway.trust import KeyRing
from tests.support.pki import NOW, pki

GENERATIONS = 2


@cache
def seat_of(index):
    return f"PBE{index + 1:06}"


@cache
def access_point_key(index, generation) -> KeyPair:
    identity = authorities.issue_access_point(pki(), seat_of(index), now=NOW)
    del generation
    return load_key_pair(identity.key_pem + identity.certificate_pem)


@cache
def publisher_key(generation) -> KeyPair:
    identity = authorities.issue_publisher(pki(), f"PSM00000{generation + 1}", now=NOW)
    return load_key_pair(identity.key_pem + identity.certificate_pem)


@cache
def ap_anchors() -> Anchors:
    return Anchors.load(pki().root.certificate_pem, pki().ap_ca.certificate_pem)


@cache
def smp_anchors() -> Anchors:
    return Anchors.load(pki().root.certificate_pem, pki().smp_ca.certificate_pem)


@cache
def _prepared() -> KeyRing:
    ring = KeyRing(access_point_key(0, 0))
    ring.prepare()
    return ring


def key_ring(index, generation) -> KeyRing:
    """The ring of an access point after so many roll-overs: old keys still open messages."""
    older = [access_point_key(index, each) for each in range(generation)]
    ring = KeyRing(access_point_key(index, generation), older)
    ring._stand_in = _prepared()._stand_in
    return ring
