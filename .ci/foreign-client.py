#!/usr/bin/env python3
"""A client that knows nothing but the .proto: generated for Python by protoc, against a running server.

Usage: foreign-client.py ADDRESS DIRECTORY, where DIRECTORY holds the generated modules (log/v1/log_pb2.py and so on).
Prints one line a check, and exits with 1 at the first that fails.
"""
import sys
import threading

address, generated = sys.argv[1:]
sys.path.insert(0, generated)

import grpc
import rpc_pb2
from log.v1 import log_pb2, log_pb2_grpc


def check(condition, what):
    print(("ok: " if condition else "FAILED: ") + what)
    if not condition:
        sys.exit(1)


def batch(*values):
    return log_pb2.RecordBatch(records=[log_pb2.Record(value=value) for value in values])


def values(response):
    return [record.value for record in response.record_batch.records]


def error_info(error):
    """The one ErrorInfo of a failure: its reason and its metadata."""
    status = rpc_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    (detail,) = status.details
    assert status.message == error.details() and detail.type_url.endswith("/google.rpc.ErrorInfo")
    info = rpc_pb2.ErrorInfo.FromString(detail.value)
    assert info.domain == "log.v1"
    return info.reason, dict(info.metadata)


channel = grpc.insecure_channel(address)
log = log_pb2_grpc.LogStub(channel)
start = log.GetRange(log_pb2.GetRangeRequest(), wait_for_ready=True, timeout=30).next_offset

first = log.Produce(log_pb2.ProduceRequest(record_batch=batch(b"a", b"", bytes(range(256)))), timeout=10).first_offset
check(first == start, "Produce returns the offset of the first record")
response = log.Consume(log_pb2.ConsumeRequest(offset=first), timeout=10)
check(response.first_offset == first and values(response) == [b"a", b"", bytes(range(256))], "Consume returns what was produced")

requests = (log_pb2.ProduceRequest(record_batch=batch(b"%d" % i)) for i in range(1000))
offsets = [answer.first_offset for answer in log.ProduceStream(requests, timeout=60)]
check(offsets == list(range(start + 3, start + 1003)), "ProduceStream answers 1000 requests in order")

answers = log.ConsumeStream(log_pb2.ConsumeRequest(offset=start + 3, stop_at_end=True), timeout=60)
consumed = [value for answer in answers for value in values(answer)]
check(consumed == [b"%d" % i for i in range(1000)], "ConsumeStream returns them in order and stops at the end")

tail = log.ConsumeStream(log_pb2.ConsumeRequest(offset=start + 1003), timeout=60)
threading.Thread(target=lambda: log.Produce(log_pb2.ProduceRequest(record_batch=batch(b"later")), timeout=10)).start()
check(values(next(tail)) == [b"later"], "a tail gets what is produced after it began")
tail.cancel()

end = str(log.GetRange(log_pb2.GetRangeRequest(), timeout=10).next_offset)


def produce(**fields):
    return lambda: log.Produce(log_pb2.ProduceRequest(**fields), timeout=10)


for what, call, code, info in [
    ("no batch", produce(), grpc.StatusCode.INVALID_ARGUMENT, ("FIELD_REQUIRED", {"field": "record_batch"})),
    ("an empty batch", produce(record_batch=batch()), grpc.StatusCode.INVALID_ARGUMENT, ("BATCH_EMPTY", {})),
    ("a batch of 5 MB", produce(record_batch=batch(bytes(5_000_000))), grpc.StatusCode.INVALID_ARGUMENT,
     ("BATCH_TOO_LARGE", {"size_bytes": "5000010", "limit_bytes": "4193280"})),
    ("offset 2^64-1", lambda: log.Consume(log_pb2.ConsumeRequest(offset=2**64 - 1), timeout=10), grpc.StatusCode.OUT_OF_RANGE,
     ("OFFSET_OUT_OF_RANGE", {"offset": str(2**64 - 1), "start_offset": "0", "next_offset": end})),
    ("another offset than expected", produce(record_batch=batch(b"x"), expected_offset=0), grpc.StatusCode.ABORTED,
     ("EXPECTED_OFFSET_MISMATCH", {"expected_offset": "0", "next_offset": end})),
    ("an unknown method", lambda: channel.unary_unary("/log.v1.Log/Shout")(b"", timeout=10), grpc.StatusCode.UNIMPLEMENTED, None),
]:
    try:
        call()
        check(False, f"{what} is refused")
    except grpc.RpcError as error:
        check(error.code() == code, f"{what} is refused with {code.name}: {error.details()}")
        check(info is None or error_info(error) == info, f"{what} comes with its reason{'' if info is None else f', {info[0]}'}")

check(log.GetRange(log_pb2.GetRangeRequest(), timeout=10).next_offset == start + 1004, "nothing that was refused was stored")
