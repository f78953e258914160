"""Certificates for servers on loopback: one that is good, and one for each way to be wrong."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files: `ca` is the authority, each of the others a certificate followed by its key."""

    ca: Path
    good: Path
    wrong_name: Path
    expired: Path
    self_signed: Path


def make_certificates(folder: Path, *names: str) -> Certificates:
    """All of them, in this folder, which is made. The good one is for loopback and for these names."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("test authority")
    build = _builder(issuer, issuer, authority, now - DAY, now + 30 * DAY)
    build = build.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    build = build.add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = build.add_extension(usage, critical=True).sign(authority, hashes.SHA256())
    own = [x509.DNSName(name) for name in ("localhost", *names)]
    addresses = [x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]

    def leaf(name: str, names: list[x509.GeneralName], begins: datetime.datetime, *, alone: bool = False) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        build = _builder(subject, subject if alone else issuer, key, begins, begins + 31 * DAY)
        build = build.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if not alone:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
            build = build.add_extension(identifier, critical=False)
        signed = build.sign(key if alone else authority, hashes.SHA256())
        path = folder / f"{name}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
        return path

    path = folder / "ca.pem"
    path.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    return Certificates(
        ca=path,
        good=leaf("good", [*own, *addresses], now - DAY),
        wrong_name=leaf("wrong-name", [x509.DNSName("other.example")], now - DAY),
        expired=leaf("expired", [*own, *addresses], now - 60 * DAY),
        self_signed=leaf("self-signed", [*own, *addresses], now - DAY, alone=True),
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime.datetime,
    ends: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
