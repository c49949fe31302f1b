//! The fields of the Model Context Protocol.

use crate::over_http::table::fields;

fields! {
    Method = "mcp.method.name" Text, "Method that is called: tools/call";
    Id = "rpc.jsonrpc.request_id" Text, "Id of the call, as sent";
    Session = "mcp.session.id" Text, "The session, as the head names it";
    Version = "mcp.protocol.version" Text, "Version that is asked for or agreed on";
    Tool = "mcp.tool.name" Text, "Tool that is called";
    Resource = "mcp.resource.uri" Text, "Resource that is asked for";
    Prompt = "mcp.prompt.name" Text, "Prompt that is asked for";
    Arguments = "mcp.request.arguments" Text, "Arguments as sent, in JSON";
    Peer = "mcp.peer" Text, "Name and version of who speaks, as said when the session begins";
    Listed = "mcp.listed" Text many, "Names of the tools, resources or prompts that were listed";
    Content = "mcp.content" Text, "Text of the result";
    Failed = "mcp.tool.failed" Bool, "The tool says that it failed";
    Code = "rpc.jsonrpc.error_code" Integer, "Code of the error";
    Error = "rpc.jsonrpc.error_message" Text, "Message of the error";
}
