"""Documents for tests of the checks: the sandbox's invoice, whole or with one thing changed."""

from gateway.sandbox.stories import sample_invoice


def an_invoice(*changes) -> bytes:
    """The sandbox's invoice, valid in Peppol, with each pair of *changes* (old, new) made once."""
    data = sample_invoice()
    for old, new in changes:
        assert old.encode() in data, old
        data = data.replace(old.encode(), new.encode(), 1)
    return data


def a_large_invoice(size) -> bytes:
    """The same invoice with a text that makes it larger than *size* bytes; still valid."""
    return an_invoice(("<cbc:Note>", f"<cbc:Note>{'words ' * (size // 6 + 1)}"))
