//! The fields of language models, under the names of OpenTelemetry's semantic conventions where one
//! exists.

use crate::over_http::table::fields;

fields! {
    Operation = "gen_ai.operation.name" Text, "chat, text_completion or embeddings";
    Provider = "gen_ai.provider.name" Text, "Whose way of asking it is: openai or anthropic";
    Model = "gen_ai.request.model" Text, "Model that was asked";
    MaxTokens = "gen_ai.request.max_tokens" Integer, "Tokens that the answer may have";
    Temperature = "gen_ai.request.temperature" Text, "Temperature, as sent";
    Streamed = "gen_ai.request.stream" Bool, "The answer is to come piece by piece";
    Messages = "gen_ai.request.message.count" Integer, "Messages in the request";
    Prompt = "gen_ai.prompt" Text, "The last thing that was said in the request, as far as it is text";
    Tools = "gen_ai.request.tools" Text many, "Names of the tools that the model may call";
    Id = "gen_ai.response.id" Text, "Id of the answer";
    Answered = "gen_ai.response.model" Text, "Model that answered";
    Finish = "gen_ai.response.finish_reasons" Text many, "Why the answer ended";
    Input = "gen_ai.usage.input_tokens" Integer, "Tokens of the request";
    Output = "gen_ai.usage.output_tokens" Integer, "Tokens of the answer";
    Completion = "gen_ai.completion" Text, "The text of the answer, put together from its pieces";
    ToolCall = "gen_ai.tool.call" Text many, "Calls of tools that the model asks for: name(arguments)";
    FirstToken = "gen_ai.response.time_to_first_token_ns" Integer, "Nanoseconds from the request's first byte to the first piece of the answer";
    Error = "error.message" Text, "What the server says went wrong";
}
