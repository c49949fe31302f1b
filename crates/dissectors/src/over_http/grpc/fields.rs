//! The fields of gRPC, under the names of OpenTelemetry's semantic conventions where one exists.

use crate::over_http::table::fields;

fields! {
    System = "rpc.system" Text, "Always grpc";
    Service = "rpc.service" Text, "Service that was called, with its package";
    Method = "rpc.method" Text, "Method that was called";
    Code = "rpc.grpc.status_code" Integer, "Status code: 0 is OK";
    Name = "grpc.status" Text, "Name of the status code: NOT_FOUND";
    Reason = "grpc.status.message" Text, "What the server said beside the status, decoded";
    Details = "grpc.status.details" Text, "Details of the status (grpc-status-details-bin), as a tree of field numbers";
    Timeout = "grpc.timeout_ns" Integer, "Time that the client gives the call, in nanoseconds";
    Encoding = "grpc.encoding" Text, "How messages with the compressed flag are compressed";
    Web = "grpc.web" Bool, "It is spoken as gRPC-Web";
    Count = "grpc.message.count" Integer, "Messages of this side whose beginning was kept";
    Cut = "grpc.message.cut" Bool, "More of the body came than was kept: later messages are not listed";
    Message = "grpc.message" Text many, "Messages in order, as JSON: number, time after the first byte of this side, direction, size, whether compressed, and what it says: by names where its type is known, else by field numbers";
    Metadata = "grpc.metadata" Text many, "Metadata of this side, trailers too, as name=value; binary values decoded";
}
