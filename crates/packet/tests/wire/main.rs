//! Written packets, header by header.

mod fragments;
mod icmp;
mod ip;
mod kit;
mod links;
mod properties;
mod tunnels;
