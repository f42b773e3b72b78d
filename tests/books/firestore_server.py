"""What of Firestore does a book need, on this machine, spoken by the client's own protocol classes?

A gRPC server with the five calls that the book makes: queries by equality, inequality and lists, transactions that are
refused when a document that they read was changed meanwhile, and commits with preconditions. Nothing of Google's is
emulated beyond that.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.types import document as documents
from google.protobuf import timestamp_pb2

SERVICE = "google.firestore.v1.Firestore"


class Server:
    """Documents by name; each with the number of its last change."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[Any, int]] = {}
        self.reads: dict[bytes, dict[str, int]] = {}
        self.before_commit: Callable[[], None] | None = None
        self.silent = False
        """Answers nothing but UNAVAILABLE, as gRPC says of a server that is gone. To stop for real races with gRPC: a
        call that begins while the connection is being torn down may be lost, deadline and all."""
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._server = grpc.server(ThreadPoolExecutor(4))
        calls = {
            "RunQuery": (self._query, types.RunQueryRequest, types.RunQueryResponse, True),
            "BeginTransaction": (self._begin, types.BeginTransactionRequest, types.BeginTransactionResponse, False),
            "Commit": (self._commit, types.CommitRequest, types.CommitResponse, False),
        }
        handlers = {}
        for name, (call, request, response, streams) in calls.items():
            make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
            handlers[name] = make(call, request.deserialize, response.serialize)
        handlers["Rollback"] = grpc.unary_unary_rpc_method_handler(
            self._rollback, types.RollbackRequest.deserialize, lambda _: b""
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    # -- the calls -------------------------------------------------------------------------------------------

    def _heard(self, context: Any) -> None:
        if self.silent:
            context.abort(grpc.StatusCode.UNAVAILABLE, "nobody is there")

    def _query(self, request: Any, context: Any) -> Iterator[Any]:
        self._heard(context)
        query = request.structured_query
        under = f"{request.parent}/{query.from_[0].collection_id}/"
        with self._lock:
            if query.limit is not None:
                assert getattr(query.limit, "value", query.limit) > 0
            seen = self.reads.setdefault(bytes(request.transaction), {}) if request.transaction else {}
            found = []
            for name, (document, number) in sorted(self.documents.items()):
                if name.startswith(under) and _fits(document, query.where):
                    seen[name] = number
                    found.append(document)
            if request.transaction:
                seen[under] = len([name for name in self.documents if name.startswith(under)])
        for document in found:
            yield types.RunQueryResponse(document=document, read_time=_now())
        yield types.RunQueryResponse(read_time=_now())

    def _begin(self, request: Any, context: Any) -> Any:
        self._heard(context)
        name = str(next(self._numbers)).encode()
        self.reads[name] = {}
        return types.BeginTransactionResponse(transaction=name)

    def _rollback(self, request: Any, context: Any) -> Any:
        self.reads.pop(bytes(request.transaction), None)
        return b""

    def _commit(self, request: Any, context: Any) -> Any:
        self._heard(context)
        hook, self.before_commit = self.before_commit, None
        if hook is not None:
            hook()
        with self._lock:
            for name, number in self.reads.pop(bytes(request.transaction), {}).items():
                now = (
                    len([one for one in self.documents if one.startswith(name)])
                    if name.endswith("/")
                    else self.documents.get(name, (None, 0))[1]
                )
                if now != number:
                    context.abort(grpc.StatusCode.ABORTED, "too much contention on these documents")
            for write in request.writes:
                self._write(write, context)
            results = [types.WriteResult(update_time=_now()) for _ in request.writes]
        return types.CommitResponse(write_results=results, commit_time=_now())

    def _write(self, write: Any, context: Any) -> None:
        name = write.delete or write.update.name
        exists = types.Precondition.pb(write.current_document).WhichOneof("condition_type") == "exists"
        if exists and write.current_document.exists != (name in self.documents):
            code = grpc.StatusCode.NOT_FOUND if write.current_document.exists else grpc.StatusCode.ALREADY_EXISTS
            context.abort(code, name)
        if write.delete:
            self.documents.pop(name, None)
            return
        known = self.documents.get(name)
        fields = dict(known[0].fields) if known and write.update_mask.field_paths else {}
        fields.update(write.update.fields)
        document = documents.Document(name=name, fields=fields, create_time=_now(), update_time=_now())
        self.documents[name] = (document, next(self._numbers))


def _now() -> Any:
    stamp = timestamp_pb2.Timestamp()
    stamp.FromNanoseconds(1_767_225_600_000_000_000)
    return stamp


def _fits(document: Any, where: Any) -> bool:
    kind = types.StructuredQuery.Filter.pb(where).WhichOneof("filter_type") if where else None
    if kind is None:
        return True
    if kind == "composite_filter":
        return all(_fits(document, one) for one in where.composite_filter.filters)
    assert kind == "field_filter", kind
    one = where.field_filter
    operators = types.StructuredQuery.FieldFilter.Operator
    value = document.fields.get(one.field.field_path)
    if value is None:
        return False
    if one.op in (operators.IN, operators.NOT_IN):
        listed = list(one.value.array_value.values)
        assert len(listed) <= (30 if one.op == operators.IN else 10), "Firestore refuses longer lists"
        return (value in listed) == (one.op == operators.IN)
    assert one.op in (operators.EQUAL, operators.NOT_EQUAL), one.op
    return (value == one.value) == (one.op == operators.EQUAL)
