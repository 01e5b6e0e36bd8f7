"""The place of a bucket, and the credentials with which the server opens it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from obstore.store import AzureStore, GCSStore, S3Store

if TYPE_CHECKING:
    from pathlib import Path

    from obstore.store import AzureConfig, ClientConfig, GCSConfig, RetryConfig, S3Config

    ObjectStore = AzureStore | GCSStore | S3Store

_CONNECT_SECONDS = 5
_REQUEST_SECONDS = 60
_RETRIES = 2
_RETRY_SECONDS = 20


class BucketKind(Enum):
    """The interface of a bucket; most makers of stores have that of S3."""

    S3 = "s3"
    GCS = "gcs"
    AZURE = "azure"


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """A bucket.

    Args:
        kind: Its interface.
        bucket: Its name; on Azure, the container's.
        prefix: The folder in the bucket that is the store; empty for all of it.
        endpoint: The address of the service, if it is not the maker's own.
        region: The region of S3.
        account: The account of Azure.
        key_id: The id of the key of S3.
        secret: The key of S3 or Azure; empty for one of the machine's own role.
        service_account: The file with the key of a service account of GCS; None for the machine's own role.
    """

    kind: BucketKind
    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    account: str = ""
    key_id: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    service_account: Path | None = None

    @property
    def url(self) -> str:
        """The address of a bucket of S3, under which its keys are paths."""
        return f"{self.endpoint or f'https://s3.{self.region}.amazonaws.com'}/{self.bucket}"

    @property
    def key_prefix(self) -> str:
        """The text before each path in the bucket's keys."""
        return f"{self.prefix}/" if self.prefix else ""


def open_bucket(settings: BucketSettings) -> ObjectStore:
    """Open a bucket; no request is sent."""
    prefix = settings.prefix or None
    client: ClientConfig = {
        "allow_http": settings.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
        "timeout": timedelta(seconds=_REQUEST_SECONDS),
    }
    retry: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)}
    match settings.kind:
        case BucketKind.S3:
            s3: S3Config = {
                "region": settings.region,
                "endpoint": settings.url.removesuffix(f"/{settings.bucket}"),
                "virtual_hosted_style_request": False,
            }
            if settings.secret:
                s3 |= {"access_key_id": settings.key_id, "secret_access_key": settings.secret}
            return S3Store(settings.bucket, prefix=prefix, config=s3, client_options=client, retry_config=retry)
        case BucketKind.AZURE:
            azure: AzureConfig = {"account_name": settings.account}
            if settings.endpoint:
                azure |= {"endpoint": settings.endpoint}
            if settings.secret:
                azure |= {"account_key": settings.secret}
            return AzureStore(settings.bucket, prefix=prefix, config=azure, client_options=client, retry_config=retry)
        case BucketKind.GCS:
            gcs: GCSConfig = {"service_account": str(settings.service_account)} if settings.service_account else {}
            return GCSStore(settings.bucket, prefix=prefix, config=gcs, client_options=client, retry_config=retry)
