"""gRPC's reflection, for callers who are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc.aio
from grpc_reflection.v1alpha import _async as reflection

from levada_server.errors import Unauthenticated
from levada_server.rpc.authentication import identify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from levada_server.storage.permissions.cache import PermissionsCache


class GuardedReflection(reflection.ReflectionServicer):  # type: ignore[misc]  # grpc's own class has no types
    """The reflection service, which tells the names of all methods and messages.

    Args:
        service_names: The services to tell of.
        permissions: The valid tokens.
    """

    def __init__(self, service_names: Iterable[str], permissions: PermissionsCache) -> None:
        super().__init__(service_names)
        self._permissions = permissions

    async def ServerReflectionInfo(
        self,
        request_iterator: AsyncIterator[Any],  # Any: the messages of grpc's service
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[Any]:
        """Answer questions about services, methods and messages."""
        try:
            await identify(context, dict(context.invocation_metadata() or ()), self._permissions)
        except Unauthenticated as error:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, error.message)
        async for answer in super().ServerReflectionInfo(request_iterator, context):
            yield answer
