"""Make an authority of one's own and a certificate for a server, for a lab without certificates from elsewhere."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AUTHORITY_FILES = "authority.pem", "authority.key"
SERVER_FILES = "server.pem", "server.key"
AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
"""As public authorities do; the command makes a new one at any time, and a running server takes it."""
MAX_NAME = 253
"""The longest name in the DNS."""
_BEFORE = dt.timedelta(hours=1)
"""Certificates are valid a little before they are made, because clocks differ."""


@dataclass(frozen=True, slots=True)
class Made:
    """The files of an authority and its certificate.

    Args:
        certificate: The file of the server's certificate, followed by the authority's.
        authority: The file of the authority's certificate, which clients may be given.
        fingerprint: Its SHA-256, which `levada login` shows.
        expires: The last day of the server's certificate.
    """

    certificate: Path
    authority: Path
    fingerprint: str
    expires: dt.date


def make_certificates(folder: Path, names: Sequence[str]) -> Made:
    """Make a certificate for a server, by the authority in a folder, which is made if it is missing.

    Args:
        folder: The folder for all files; only this user can enter it afterwards.
        names: The names and addresses under which clients call the server.

    Raises:
        InvalidRequest: There is no name, or one cannot be a host's.
    """
    if not names:
        raise InvalidRequest("Name the hosts under which clients call the server, such as lab.example.org 10.0.0.5.")
    alternatives = [_alternative(name) for name in names]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority_file, authority_key_file = (folder / name for name in AUTHORITY_FILES)
    if authority_file.exists():
        authority = x509.load_pem_x509_certificate(authority_file.read_bytes())
        authority_key = serialization.load_pem_private_key(authority_key_file.read_bytes(), None)
        assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    else:
        authority_key = ec.generate_private_key(ec.SECP256R1())
        authority = _authority(authority_key, names[0])
        _write(authority_key_file, _key_pem(authority_key))
        _write(authority_file, authority.public_bytes(serialization.Encoding.PEM))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _server(key, alternatives, names[0], authority, authority_key)
    file, key_file = (folder / name for name in SERVER_FILES)
    chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (certificate, authority))
    # In this order: a running server keeps the old pair until both belong together.
    _write(key_file, _key_pem(key))
    _write(file, chain)
    digest = authority.fingerprint(hashes.SHA256()).hex(":").upper()
    return Made(file, authority_file, digest, certificate.not_valid_after_utc.date())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    parts = name.split(".")
    if len(name) > MAX_NAME or not all(part.replace("-", "a").isalnum() and part.isascii() for part in parts):
        raise InvalidRequest(f"{name!r} is not a name or address of a host.")
    return x509.DNSName(name)


def _authority(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Levada at {name}"[:64])])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(key, subject, subject, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey,
    alternatives: Sequence[x509.GeneralName],
    name: str,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    return (
        _builder(key, subject, authority.subject, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    key: ec.EllipticCurvePrivateKey, subject: x509.Name, issuer: x509.Name, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes) -> None:
    """Replace a file by one that only this user can read."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)
    draft.replace(file)
