"""What one must know to join a running sandbox: `FOLDER/sandbox.json`, there while it runs.

Its keys are documented in `docs/SANDBOX.md`; a key that is there keeps its meaning.
"""

import json
from pathlib import Path
from typing import Any

from gateway.errors import Fault, Kind
from gateway.sandbox.network import Corner, Network
from gateway.sandbox.truststores import PASSWORD, write_truststores

FILE = "sandbox.json"
FILE_BYTES_MAX = 1 << 20  # LIMIT: it has 3 KB.


def describe(network: Network) -> dict[str, Any]:
    """Return what `sandbox.json` says of *network*; writes the trust stores that it names."""
    trust = network.folder / "pki"
    host, port = network.locator.address
    return {
        "version": 1,
        "folder": str(network.folder),
        "dns": f"{host}:{port}",
        "zone": network.locator.zone,
        "control": network.visitors.url,
        "visitors_smp": network.visitors.smp_url,
        "pki": str(trust),
        "certificates": {
            stem.replace("-", "_"): str(trust / f"{stem}.cert.pem")
            for stem in network.pki.authorities()
        },
        "truststores": {
            **{name: str(path) for name, path in write_truststores(network.pki, trust).items()},
            "password": PASSWORD,
        },
        "crl": {
            stem.replace("-", "_"): f"{network.lists.url}/{stem}.crl"
            for stem in network.pki.authorities()
            if stem != "tls-ca"
        },
        "invoice": str(network.folder / "invoice.xml"),
        **{corner.role.name: _describe_corner(corner) for corner in network.corners()},
    }


def write_description(facts: dict[str, Any]) -> Path:
    """Write what `describe` returned into its sandbox's folder, whole or not at all."""
    path = Path(facts["folder"]) / FILE
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    fresh.replace(path)
    return path


def read_description(folder: Path) -> dict[str, Any]:
    """Return the description of the sandbox that runs in *folder*, or raise Fault."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(FILE_BYTES_MAX))
    except FileNotFoundError as error:
        detail = f"no sandbox runs in {folder}: start `gateway demo --folder {folder}`"
        raise Fault(Kind.NOT_FOUND, "no-sandbox", detail) from error
    except (OSError, ValueError) as error:
        raise Fault(Kind.INVALID, "bad-sandbox", f"{path} cannot be read: {error}") from error
    if not isinstance(facts, dict):
        raise Fault(Kind.INVALID, "bad-sandbox", f"{path} holds no JSON object")
    return facts


def remove_description(folder: Path) -> None:
    """Remove the description of a sandbox that ends."""
    (folder / FILE).unlink(missing_ok=True)


def _describe_corner(corner: Corner) -> dict[str, str]:
    return {
        "participant": corner.role.participant.value,
        "seat_id": corner.role.seat_id,
        "as4": corner.as4_url,
        "smp": corner.smp_url,
        "certificate": str(corner.folder / "as4.cert.pem"),
        "api": corner.api_url,
        "api_key_file": str(corner.folder / "data" / "api-key"),
        "config": str(corner.config),
    }
