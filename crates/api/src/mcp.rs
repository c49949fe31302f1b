//! The Model Context Protocol: the same questions, asked by an agent.
//!
//! Each tool is a question to the HTTP API, so that roles, limits and masking are those of the API;
//! the API is in this process, or another server's. Answers are compact: no indentation, only so much
//! payload, pages with cursors.

mod asker;
mod prompts;
mod resources;
mod tools;

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
        GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
        ReadResourceResponse, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
};

pub use asker::Asker;

use crate::{Role, Who};

/// What an agent is told of this server.
const INSTRUCTIONS: &str = "callscope shows API calls (HTTP, gRPC, DNS, SQL, Kafka, Redis, …) that were \
    captured on a network: request and response matched, with Kubernetes names. Start with \
    capture_status: what was captured, when, and what of it can't be seen. An empty answer means no \
    such call in what was captured; ask not_seen before you conclude that there was no traffic. \
    Filters are CEL expressions over the fields of callscope://fields, as in: \
    protocol == \"http\" && status.number >= 500 && dst.namespace == \"shop\".";

/// Serves one agent.
#[derive(Clone)]
pub struct Mcp {
    asker: Arc<Asker>,
}

// === impl Mcp ===

impl Mcp {
    /// A server that asks this API.
    #[must_use]
    pub fn new(asker: Arc<Asker>) -> Self {
        Self { asker }
    }

    /// Serves an agent on standard input and output, until it leaves.
    ///
    /// # Errors
    /// When what comes in is not the protocol.
    pub async fn stdio(self) -> Result<(), String> {
        use rmcp::ServiceExt as _;
        let service =
            self.serve(rmcp::transport::stdio()).await.map_err(|error| error.to_string())?;
        service.waiting().await.map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Whoever asked over HTTP; over standard input it is the user that started us.
fn who(context: &RequestContext<RoleServer>) -> Result<Who, ErrorData> {
    let parts = context.extensions.get::<axum::http::request::Parts>();
    match parts {
        Some(parts) => parts
            .extensions
            .get::<Who>()
            .cloned()
            .ok_or_else(|| ErrorData::internal_error("a request came in by no door", None)),
        None => Ok(Who::of(Role::Admin)),
    }
}

impl ServerHandler for Mcp {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("callscope", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = tools::find(&request.name) else {
            let message = format!("there is no tool {:?}", request.name);
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = request.arguments.unwrap_or_default();
        let result = match tool.call(&self.asker, &who(&context)?, arguments).await {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(message) => CallToolResult::error(vec![ContentBlock::text(message)]),
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::all()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(&self.asker, &who(&context)?, &request.uri).await.map(Into::into)
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::all()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request.name, &request.arguments.unwrap_or_default()).map(Into::into)
    }
}
