//! Secrets of an installation: certificates by which hub and nodes know each other, and tokens of those who
//! ask. Made once, and kept.

use anyhow::{Result, anyhow, bail};
use cluster::{Objects, Shelf};
use serde_json::Value;

use super::manifest::{HUB_PAPERS, NODE_PAPERS, TOKENS, is_ours, name, secret};

/// How long certificates live, in days.
const DAYS: u32 = 3650;
/// Letters of a token.
const TOKEN_LEN: usize = 40;

/// A Secret that is needed.
enum There {
    No,
    Ours,
    /// Somebody else's: used as it is.
    Others,
}

/// All of them, new.
///
/// # Errors
/// When the system has no randomness.
pub fn all(namespace: &str, now_seconds: i64) -> Result<Vec<Value>> {
    let mut all = certificates(namespace, now_seconds)?.to_vec();
    all.push(tokens(namespace)?);
    Ok(all)
}

/// Makes those that are not there.
///
/// # Errors
/// When the API server says no, or what somebody else made has not what is needed.
pub async fn keep_or_make(cluster: &Objects, namespace: &str, now_seconds: i64) -> Result<()> {
    let hub = look(cluster, namespace, HUB_PAPERS).await?;
    let node = look(cluster, namespace, NODE_PAPERS).await?;
    let tokens = look(cluster, namespace, TOKENS).await?;
    match (&hub, &node) {
        (There::No, There::No) => {
            for secret in certificates(namespace, now_seconds)? {
                make(cluster, &secret).await?;
            }
        }
        (There::Ours, There::No) | (There::No, There::Ours) => bail!(
            "of the two Secrets {} and {}, one is gone: their certificates belong together. Delete the other, \
             run this again, and restart hub and nodes: kubectl -n {namespace} rollout restart deployment,daemonset",
            HUB_PAPERS.0,
            NODE_PAPERS.0
        ),
        (There::Others, There::No) | (There::No, There::Others) => bail!(
            "of the two Secrets {} and {}, only one is there, and `callscope install` did not make it: give both \
             (callscope hub --make-certificates), or none",
            HUB_PAPERS.0,
            NODE_PAPERS.0
        ),
        _ => {}
    }
    if matches!(tokens, There::No) {
        make(cluster, &self::tokens(namespace)?).await?;
    }
    Ok(())
}

async fn look(cluster: &Objects, namespace: &str, wanted: (&str, &[&str])) -> Result<There> {
    let (secret, keys) = wanted;
    let there = cluster.get(Shelf::of("Secret")?, namespace, secret).await;
    let there =
        there.map_err(|why| anyhow!("can't look whether Secret {secret} is there: {why}"))?;
    let Some(there) = there else { return Ok(There::No) };
    let lacks: Vec<_> =
        keys.iter().filter(|key| there["data"].get(**key).is_none()).copied().collect();
    if !lacks.is_empty() {
        bail!("Secret {secret} is there, and has no {}", lacks.join(", "));
    }
    if is_ours(&there, namespace) {
        eprintln!("kept      Secret {secret}");
        return Ok(There::Ours);
    }
    eprintln!("used      Secret {secret}, which somebody else made");
    Ok(There::Others)
}

async fn make(cluster: &Objects, secret: &Value) -> Result<()> {
    // Never over one that somebody has made in the meantime.
    cluster.create(secret).await.map_err(|why| anyhow!("{}: {why}", name(secret)))?;
    eprintln!("made      {}", name(secret));
    Ok(())
}

fn certificates(namespace: &str, now_seconds: i64) -> Result<[Value; 2]> {
    let made =
        fleet::make(now_seconds, DAYS).map_err(|error| anyhow!("no certificates: {error}"))?;
    let of = |name, (certificate, key): &(String, String)| {
        let texts = [
            ("ca.crt", made.ca.clone()),
            ("tls.crt", certificate.clone()),
            ("tls.key", key.clone()),
        ];
        secret(name, namespace, "kubernetes.io/tls", &texts)
    };
    Ok([of(HUB_PAPERS.0, &made.hub), of(NODE_PAPERS.0, &made.node)])
}

/// As the chart makes them: of an admin, and of who gathers metrics.
fn tokens(namespace: &str) -> Result<Value> {
    let (admin, metrics) = (token()?, token()?);
    let lines = format!("admin {admin}\nviewer-without-payloads {metrics}\n");
    let texts = [("admin", admin), ("metrics", metrics), ("tokens", lines)];
    Ok(secret(TOKENS.0, namespace, "Opaque", &texts))
}

/// Letters and digits that nobody guesses: five bits each.
fn token() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; TOKEN_LEN];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness for a token: {error}"))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn text(secret: &Value, key: &str) -> String {
        let coded = secret["data"][key].as_str().unwrap();
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(coded).unwrap()).unwrap()
    }

    #[test]
    fn certificates_are_of_one_authority_and_tokens_of_nobody_else() {
        let all = all("observe", 1_800_000_000).unwrap();
        let [hub, node, tokens] = &all[..] else { panic!("{all:?}") };
        assert_eq!(text(hub, "ca.crt"), text(node, "ca.crt"));
        assert_ne!(text(hub, "tls.key"), text(node, "tls.key"));
        let lines = text(tokens, "tokens");
        let admin = text(tokens, "admin");
        assert_eq!(lines.lines().next(), Some(format!("admin {admin}").as_str()));
        assert_eq!(admin.len(), TOKEN_LEN);
        assert_ne!(admin, text(&self::tokens("observe").unwrap(), "admin"));
        assert!(all.iter().all(|secret| is_ours(secret, "observe")));
        // What the server takes for a file of tokens.
        api::Tokens::default().add_lines(&lines).unwrap();
    }
}
