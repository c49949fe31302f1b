//! The HTTP API, live tail, MCP, and the dashboard's files.
