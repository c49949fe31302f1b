//! The fields of GraphQL, under the names of OpenTelemetry's semantic conventions where one exists.

use crate::over_http::table::fields;

fields! {
    Name = "graphql.operation.name" Text many, "Names of the operations; one for each of a batch that has one";
    Kind = "graphql.operation.type" Text many, "query, mutation or subscription, for each operation";
    Document = "graphql.document" Text many, "The documents as sent";
    Hash = "graphql.persisted_query.hash" Text many, "Hashes of documents that the server knows";
    Variables = "graphql.variables" Text many, "Variables as sent, in JSON";
    Batch = "graphql.batch.size" Integer, "Operations or results in one message, where they come as a list";
    Error = "graphql.error" Text many, "Messages of the errors";
    ErrorPath = "graphql.error.path" Text many, "Where in the result the errors are, in JSON";
    ErrorCode = "graphql.error.code" Text many, "Codes in the errors' extensions";
}
