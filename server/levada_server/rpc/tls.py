"""TLS with a certificate that is read again when its files change; gRPC asks at each handshake."""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING

import grpc

from levada_server.errors import PreconditionFailed

if TYPE_CHECKING:
    from pathlib import Path

_LOG = logging.getLogger("levada.server")


class Certificate:
    """A certificate and its key, as two files in PEM.

    Args:
        certificate: The server's certificate, followed by the chain to its authority.
        key: Its private key.

    Raises:
        PreconditionFailed: The files cannot be read, or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        try:
            self._known = self._stamp()
            self._read()
        except (OSError, ValueError) as error:
            raise PreconditionFailed(
                f"The certificate {certificate} with its key {key} cannot be used: {error}. `levada certificates` "
                "makes both."
            ) from None

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files."""
        return grpc.dynamic_ssl_server_credentials(self._read(), self._newer)  # type: ignore[arg-type]  # None is allowed

    def context(self) -> ssl.SSLContext:
        """Return a context for HTTP that follows the files."""
        context = self._context()
        newest = [context]

        def follow(handshake: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
            if self._newer() is not None:
                newest[0] = self._context()
            handshake.context = newest[0]

        context.sni_callback = follow
        return context

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files, password="")
        return context

    def _newer(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the certificate if the files have changed; None keeps the old one, as while they are half written."""
        try:
            stamp = self._stamp()
            if stamp == self._known:
                return None
            configuration = self._read()
        except (OSError, ValueError) as error:
            _LOG.warning("the certificate of before stays in use: %s", error)
            return None
        self._known = stamp
        _LOG.info("a new certificate is in use: %s", self._files[0])
        return configuration

    def _stamp(self) -> tuple[int, ...]:
        return tuple(number for file in self._files for number in (file.stat().st_mtime_ns, file.stat().st_ino))

    def _read(self) -> grpc.ServerCertificateConfiguration:
        certificate, key = self._files
        # Refuses a pair that does not match, which gRPC would take and then fail every handshake; and a key with a
        # password, which nobody would be there to type.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        return grpc.ssl_server_certificate_configuration([(key.read_bytes(), certificate.read_bytes())])
