//! The fields of JSON-RPC, under the names of OpenTelemetry's semantic conventions where one exists.

use crate::over_http::table::fields;

fields! {
    System = "rpc.system" Text, "Always jsonrpc";
    Method = "rpc.method" Text many, "Methods that are called; one for each of a batch";
    Version = "rpc.jsonrpc.version" Text, "Version of JSON-RPC";
    Id = "rpc.jsonrpc.request_id" Text many, "Ids of the calls, as sent; notifications have none";
    Params = "rpc.jsonrpc.params" Text many, "Parameters as sent, in JSON";
    Result = "rpc.jsonrpc.result" Text many, "Results as sent, in JSON";
    Code = "rpc.jsonrpc.error_code" Integer many, "Codes of the errors";
    Error = "rpc.jsonrpc.error_message" Text many, "Messages of the errors";
    Batch = "rpc.jsonrpc.batch.size" Integer, "Messages that come as a list";
}
