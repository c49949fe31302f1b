//! Written packets, header by header.

mod fragments;
mod ip;
mod kit;
mod links;
mod properties;
mod tunnels;
