//! What can be said on the command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};

/// Turns network traffic into complete, matched API calls.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Args {
    /// Settings, for all commands: docs/CONFIGURATION.md. Flags come first, then the environment, then
    /// this file.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What callscope can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read capture files and show their calls.
    Read(ReadArgs),
    /// Listen to interfaces and show the calls that pass, as they are finished.
    Tap(TapArgs),
    /// Cut the packets of calls, or of a time, out of what `callscope tap --keep` has kept.
    Pcap(PcapArgs),
    /// Find calls in a store, or count them.
    Query(crate::query::QueryArgs),
    /// List the protocols, with the fields that each of them fills in.
    Protocols(ProtocolsArgs),
    /// Who had which address when.
    Identity(IdentityArgs),
    /// Serve calls to browsers and programs: dashboard, HTTP API, live tail, MCP.
    Serve(Box<crate::serve::ServeArgs>),
    /// Serve calls to an agent, by the Model Context Protocol on standard input and output.
    Mcp(crate::mcp::McpArgs),
    /// Listen on one machine of a cluster, keep its calls, and answer the hub.
    Node(crate::node::NodeArgs),
    /// Serve the calls of all machines of a cluster.
    Hub(crate::hub::HubArgs),
    /// Install hub and nodes in a cluster, without Helm.
    Install(crate::install::InstallArgs),
    /// Delete what `callscope install` made.
    Uninstall(crate::install::UninstallArgs),
    /// What the settings are, and whether they are right.
    Config(crate::config::ConfigArgs),
    /// Say what this machine allows live capture, or a cluster hub and nodes, what is lost without, and what to do.
    Doctor(DoctorArgs),
}

/// Arguments of `callscope doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Instead, each process that speaks TLS, with which library, and whether `callscope tap --tls` can
    /// read it, or why not.
    #[arg(long)]
    pub tls: bool,
    /// Instead, what a cluster allows hub and nodes, and how they are there: its API server, rights, pod
    /// security, what is ready, and of which version.
    #[arg(long, conflicts_with = "tls")]
    pub cluster: bool,
    /// The cluster that this runs in, by its pod's service account.
    #[arg(long, requires = "cluster", conflicts_with_all = ["kubeconfig", "context"])]
    pub in_cluster: bool,
    /// Which cluster, and where in it.
    #[command(flatten)]
    pub place: crate::install::PlaceArgs,
}

/// Arguments of `callscope read`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 done (also when the reader of a pipe has seen enough), 1 something could not be \
                        read or written, 2 wrong usage.\n\nExamples:\n  callscope read shop.pcapng\n  \
                        callscope read --protocol http,dns *.pcap.gz\n  tcpdump -i any -U -w - | callscope read -"
)]
pub struct ReadArgs {
    /// Capture files (pcap or pcapng, also gzip or zstd), folders of them, or - for standard input.
    /// Several are merged by time.
    #[arg(value_name = "FILE|DIR|-")]
    pub inputs: Vec<OsString>,
    /// Read on as the file grows, until interrupted.
    #[arg(long)]
    pub follow: bool,
    /// How calls are shown.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Arguments of every command that shows calls.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("keeping").multiple(true))]
pub struct ShowArgs {
    /// How to show calls [default: table on a terminal, ndjson elsewhere].
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write calls to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Keep calls in the store in this folder (docs/STORE.md) instead of writing them out.
    #[arg(long, value_name = "DIR", group = "keeping", conflicts_with_all = ["output", "format", "details"])]
    pub store: Option<PathBuf>,
    /// Send calls to this engine instead of writing them out: `clickhouse://user:password@host:8123/database`, or
    /// files of them to s3://bucket/prefix, gs://, az:// or file:///folder (docs/SINKS.md). With --store
    /// they wait there while it is away; in the environment rather than on the command line, where others can
    /// read the password.
    #[arg(long, value_name = "URL", value_parser = crate::sink::place, hide_default_value = true, group = "keeping", conflicts_with_all = ["output", "format", "details"])]
    pub sink: Option<warehouse::Destination>,
    /// Bytes that the store may take; its oldest calls go first.
    #[arg(long, value_name = "SIZE", default_value = "10GiB", value_parser = crate::size::bytes)]
    pub store_size: u64,
    /// Show each call whole: headers, fields, bodies, timing.
    #[arg(long)]
    pub details: bool,
    /// Show only calls for which this holds: `http && status_code >= 500`, `dst.namespace == "shop"`,
    /// `request.json.user.id == 7` (see docs/QUERY.md).
    #[arg(long = "where", value_name = "EXPR")]
    pub condition: Option<String>,
    /// How packets become calls.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Show a call that goes on after this many seconds, and again at its end under the same id
    /// [default: 10 for standard input, else only at its end].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub open_after: Option<Duration>,
    /// Colours: on a terminal, always or never (`NO_COLOR` is honoured).
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Mask secrets: credentials, cookies, passwords and tokens by their names and forms; equal ones
    /// have equal marks (docs/MASKING.md). For ndjson and json.
    #[arg(long)]
    pub mask: bool,
    /// Keep calls in the store with their secrets.
    #[arg(long, requires = "keeping")]
    pub unmasked: bool,
    /// How secrets are masked.
    #[command(flatten)]
    pub masking: crate::masking::MaskArgs,
    /// No summary and no progress bar on standard error; warnings stay.
    #[arg(long, short)]
    pub quiet: bool,
}

/// How packets become calls: the same for whatever reads them.
#[derive(Clone, Debug, clap::Args)]
pub struct ReadingArgs {
    /// Only calls of these protocols (see `callscope protocols`).
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub protocol: Vec<String>,
    /// Connections, too: for each TCP connection, flow of datagrams and association an entry of the protocol
    /// `conn` when it is over (docs/CONNECTIONS.md). `--protocol conn` is these alone.
    #[arg(long)]
    pub conn: bool,
    /// Threads that read; the calls and their order are the same for any number [default: the
    /// machine's cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    pub threads: Option<u16>,
    /// Memory for everything unfinished: heads, bodies, segments out of order.
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = crate::size::bytes)]
    pub memory: u64,
    /// Bytes kept of each body; sizes stay exact. Or: unlimited.
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = crate::size::limit)]
    pub body_limit: u64,
    /// TLS secrets in NSS key log format (what SSLKEYLOGFILE writes). The file may still be written
    /// to. Secrets embedded in a pcapng are used by themselves.
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
    /// Types of gRPC's messages: a set of file descriptors, as `protoc --descriptor_set_out=FILE
    /// --include_imports` writes it. May be given several times. Without, messages are shown by field
    /// numbers, unless the server was seen to tell its types (server reflection).
    #[arg(long, value_name = "FILE")]
    pub proto_descriptors: Vec<PathBuf>,
    /// Who had which address when: dumps (`kubectl get pods,services,endpointslices,nodes,… -A -o json`
    /// or yaml), recorded watches, `callscope identity record`'s logs, names files. May be given
    /// several times.
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
    /// Name addresses that nothing else names as the name servers in the capture did.
    #[arg(long)]
    pub dns_names: bool,
    /// Count paths like this one as one endpoint: `/users/{name}/cart`. May be given several times; the
    /// first that fits counts, and before the shapes that are known anyway (docs/STORE.md).
    #[arg(long, value_name = "PATH")]
    pub endpoint_template: Vec<filter::Template>,
}

// === impl ReadingArgs ===

impl ReadingArgs {
    /// What must hold before anything is read.
    ///
    /// # Errors
    /// When there is no such protocol, or too many templates.
    pub fn check(&self) -> anyhow::Result<()> {
        crate::protocols::check(&self.protocol)?;
        filter::give_templates(&self.endpoint_template).context("--endpoint-template")
    }
}

/// Arguments of `callscope tap`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 done (also when interrupted), 1 something could not be captured or written, 2 wrong \
                        usage.\n\nExamples:\n  callscope tap\n  callscope tap eth0 'veth*' --filter 'tcp port 80'\n  \
                        callscope tap --container 3f2a9b7c11d0 --details\n  \
                        callscope tap --keep /var/lib/callscope --keep-size 10GiB --format none\n  \
                        callscope tap --hub http://127.0.0.1:8899 -n shop deploy/front-end"
)]
pub struct TapArgs {
    /// Interfaces: names, patterns with * and ?, or any. They may come and go [default: any]. With --hub:
    /// workloads of the cluster, as kubectl names them: deploy/front-end, svc/orders, a pod's name.
    #[arg(value_name = "INTERFACE|WORKLOAD")]
    pub interfaces: Vec<String>,
    /// Show the calls of a cluster as they happen, from its hub: http://127.0.0.1:8899
    #[arg(long, value_name = "URL")]
    pub hub: Option<String>,
    /// The hub's token. In the environment rather than on the command line, where others can read it.
    #[arg(long, value_name = "TOKEN", hide_default_value = true, requires = "hub")]
    pub token: Option<String>,
    /// Only calls from and to this namespace of the cluster.
    #[arg(long, short, value_name = "NAME", requires = "hub")]
    pub namespace: Option<String>,
    /// Capture only packets that this filter in tcpdump's syntax accepts.
    #[arg(long, short = 'f', value_name = "FILTER")]
    pub filter: Option<String>,
    /// Which network namespaces are listened in.
    #[command(flatten)]
    pub spaces: SpaceArgs,
    /// Room in the kernel for packets that wait to be read, in each network namespace.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = crate::size::bytes)]
    pub ring: u64,
    /// Have the interfaces that are named receive what is for other machines, too (mirror ports).
    #[arg(long, requires = "interfaces")]
    pub promiscuous: bool,
    /// Show callscope's own connections, too.
    #[arg(long)]
    pub own_traffic: bool,
    /// Don't look for the processes that the sockets belong to.
    #[arg(long)]
    pub no_processes: bool,
    /// Tell command lines of processes, too: they may hold secrets.
    #[arg(long, conflicts_with = "no_processes")]
    pub command_lines: bool,
    /// Show what is said under TLS, too, without keys: taken from the applications' TLS libraries, in all
    /// network namespaces or in those that are named. Neither interfaces nor --filter hold for it. See
    /// `callscope doctor --tls`.
    #[arg(long)]
    pub tls: bool,
    /// Stop after this many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Stop after this many calls.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Keep all captured packets in this folder, the oldest leaving for the newest; see
    /// `callscope pcap`.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Bytes kept at most.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = crate::size::bytes)]
    pub keep_size: u64,
    /// How calls are shown.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Which network namespaces are listened in.
#[derive(Clone, Debug, clap::Args)]
pub struct SpaceArgs {
    /// Listen in this network namespace, by its name (`ip netns`) or path, instead of our own. May be
    /// given several times, as may the other three.
    #[arg(long, value_name = "NAME|PATH")]
    pub netns: Vec<String>,
    /// Listen in the network namespace of this process.
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// Listen in the network namespace of this container, by its id or the first 8 digits of it or
    /// more.
    #[arg(long, value_name = "ID")]
    pub container: Vec<String>,
    /// Listen in the network namespace of this pod of this node.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub pod: Vec<String>,
}

/// Arguments of `callscope pcap`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  callscope pcap 230151712345678-3 --keep /var/lib/callscope -o call.pcapng\n  \
                        callscope pcap --where 'http && status_code >= 500' --keep /var/lib/callscope -o errors.pcapng\n  callscope pcap --from 2026-01-29T11:08:20Z --to 2026-01-29T11:08:30Z --keep DIR -o - | tshark -r -"
)]
pub struct PcapArgs {
    /// Calls, by their `id`.
    #[arg(value_name = "CALL-ID", required_unless_present_any = ["from", "to", "condition"])]
    pub calls: Vec<String>,
    /// The folder that `callscope tap --keep` writes.
    #[arg(long, value_name = "DIR")]
    pub keep: PathBuf,
    /// Only packets from this moment on (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = crate::identity::moment)]
    pub from: Option<model::Timestamp>,
    /// Only packets up to this moment (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = crate::identity::moment)]
    pub to: Option<model::Timestamp>,
    /// Calls for which this holds (see docs/QUERY.md); what is kept is read for it from its beginning.
    #[arg(long = "where", value_name = "EXPR", conflicts_with = "calls")]
    pub condition: Option<String>,
    /// Who had which address when, for the condition; see `callscope read`.
    #[arg(long, value_name = "FILE", requires = "condition")]
    pub identity: Vec<PathBuf>,
    /// Further TLS secrets, for the condition; those that were kept are used by themselves.
    #[arg(long, value_name = "FILE", requires = "condition")]
    pub keylog: Option<PathBuf>,
    /// Of each call, everything that is kept of its connection.
    #[arg(long)]
    pub connection: bool,
    /// Where to write; - is standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

/// A number of seconds, with a fraction or without.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Arguments of `callscope protocols`.
#[derive(Debug, clap::Args)]
pub struct ProtocolsArgs {
    /// Only these.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// Arguments of `callscope identity`.
#[derive(Debug, clap::Args)]
pub struct IdentityArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: IdentityCommand,
}

/// What can be done with identities.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Say who an address was, why, and who else it could have been.
    Explain(ExplainArgs),
    /// Write what files say about addresses, or a cluster as it changes, as a log: one line of JSON for
    /// each event.
    Record(RecordArgs),
}

/// Arguments of `callscope identity explain`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  callscope identity explain 10.1.0.9 --identity cluster.json\n  \
                        callscope identity explain '[fd00::7]:8080' --at 2026-01-29T11:08:21Z --identity watch.ndjson"
)]
pub struct ExplainArgs {
    /// The address, with or without a port.
    #[arg(value_name = "IP[:PORT]", value_parser = crate::identity::end)]
    pub who: (std::net::IpAddr, Option<u16>),
    /// When (RFC 3339) [default: the latest moment that the files speak of].
    #[arg(long, value_name = "TIME", value_parser = crate::identity::moment)]
    pub at: Option<model::Timestamp>,
    /// The port is a UDP port.
    #[arg(long)]
    pub udp: bool,
    /// The address space, where clusters overlap.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub scope: u16,
    /// Dumps, logs, recorded watches, names files.
    #[arg(long, value_name = "FILE", required = true)]
    pub identity: Vec<PathBuf>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
}

/// Arguments of `callscope identity record`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  callscope identity record cluster.json --output today.ndjson\n  \
                        callscope identity record --watch --output today.ndjson"
)]
pub struct RecordArgs {
    /// Dumps, logs, recorded watches.
    #[arg(value_name = "FILE", required_unless_present_any = LIVE, conflicts_with_all = LIVE)]
    pub files: Vec<PathBuf>,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Follow a cluster until interrupted: that of the kubeconfig unless told otherwise.
    #[arg(long)]
    pub watch: bool,
    /// Follow a cluster and write what changes, until interrupted.
    #[command(flatten)]
    pub live: LiveArgs,
}

/// What makes `record` follow a cluster.
const LIVE: [&str; 5] = ["watch", "in_cluster", "kubeconfig", "context", "namespace"];

/// Which cluster is followed, and what of it.
#[derive(Debug, clap::Args)]
pub struct LiveArgs {
    /// Follow the cluster that this runs in, by its pod's service account.
    #[arg(long, conflicts_with_all = ["kubeconfig", "context"])]
    pub in_cluster: bool,
    /// Follow the cluster of this kubeconfig [default: $KUBECONFIG or ~/.kube/config].
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Follow the cluster of this context of the kubeconfig [default: its current one].
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Follow only this namespace, and no nodes. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// Follow a further kind that owns workloads: argoproj.io/v1alpha1/rollouts/Rollout. May be given
    /// several times.
    #[arg(long, value_name = "GROUP/VERSION/PLURAL/KIND", value_parser = crate::identity::owner)]
    pub owner: Vec<cluster::Resource>,
}

/// How identities are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ExplainFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// How calls are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// One JSON object a line.
    Ndjson,
    /// One JSON array.
    Json,
    /// Nothing but the summary.
    None,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
