//! Control group paths: which container, whose pod.
//!
//! There is no standard for them; the layouts here are those of the runtimes, under cgroup v1 and v2,
//! with groups made by systemd (`….slice/….scope`) or by the runtime itself.

use crate::{Container, Runtime};

/// Digits of a container's id.
const ID_DIGITS: usize = 64;
/// Digits of a pod's uid (RFC 9562), and of a static pod's hash.
const UID_DIGITS: usize = 32;

/// What a path says of a container. If containers are inside of others (kind, Docker in a pod), the
/// innermost one is told.
#[must_use]
pub fn container(path: &str) -> Option<Container> {
    let mut found = None;
    let mut pod = None;
    let mut above = "";
    for part in path.split('/').filter(|part| !part.is_empty() && *part != "..") {
        if let Some(uid) = pod_uid(part) {
            pod = Some(uid);
            // containerd under systemd's old layout: `kubepods-…-pod<uid>.slice:cri-containerd:<id>`.
            found = in_pod_part(part, pod.as_ref()).or(found);
        } else if let Some((runtime, id)) = id_in(part, above) {
            found = Some(Container { runtime, id: id.to_owned(), pod: pod.clone() });
        }
        above = part;
    }
    found
}

/// Of the paths in several hierarchies, the one that names a container, and what it says; else the
/// longest.
#[must_use]
pub fn choose<'p>(paths: impl Iterator<Item = &'p str>) -> (Option<&'p str>, Option<Container>) {
    let mut longest: Option<&str> = None;
    for path in paths {
        if let Some(container) = container(path) {
            return (Some(path), Some(container));
        }
        if longest.is_none_or(|longest| path.len() > longest.len()) {
            longest = Some(path);
        }
    }
    (longest, None)
}

/// The uid in `pod<uid>`, `kubepods-besteffort-pod<uid_>.slice`, `kubelet-kubepods-pod<uid_>.slice:…`.
fn pod_uid(part: &str) -> Option<String> {
    let part = part.split(':').next().unwrap_or(part);
    let part = part.strip_suffix(".slice").unwrap_or(part);
    let tail = match part.strip_prefix("pod") {
        Some(tail) => tail,
        // systemd shows its tree in the names: nothing else stands before "-pod".
        None if part.contains("kubepods") => part.rsplit_once("-pod")?.1,
        None => return None,
    };
    let digits = tail.bytes().filter(u8::is_ascii_hexdigit).count();
    let others = tail.bytes().filter(|byte| matches!(byte, b'-' | b'_')).count();
    let is_uid = digits == UID_DIGITS && digits + others == tail.len() && matches!(others, 0 | 4);
    is_uid.then(|| tail.replace('_', "-"))
}

fn in_pod_part(part: &str, pod: Option<&String>) -> Option<Container> {
    let mut words = part.split(':').skip(1);
    let (runtime, id) = (words.next()?, words.next()?);
    let runtime = runtime_named(runtime)?;
    Some(Container { runtime, id: is_id(id).then(|| id.to_owned())?, pod: pod.cloned() })
}

/// A container's id in one part of a path, under the part `above`.
fn id_in<'p>(part: &'p str, above: &str) -> Option<(Runtime, &'p str)> {
    let bare = part.strip_suffix(".scope").unwrap_or(part);
    if is_id(bare) {
        return Some((runtime_above(above), bare));
    }
    if let Some(name) = bare.strip_prefix("lxc.payload.") {
        return Some((Runtime::Lxc, name));
    }
    if let Some(name) = bare.strip_prefix("machine-").filter(|_| part.ends_with(".scope")) {
        return Some((Runtime::Machine, name));
    }
    if above == "lxc" {
        return Some((Runtime::Lxc, part));
    }
    // ECS on Fargate: `/ecs/<task>/<32 digits>-<number>`.
    if let Some((id, number)) = bare.split_once('-')
        && id.len() == UID_DIGITS
        && is_hex(id)
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Some((Runtime::Unknown, bare));
    }
    // `<runtime>-<id>`; its monitor (`crio-conmon-<id>`) is none, as "crio-conmon" is no runtime.
    let (runtime, id) = bare.rsplit_once('-')?;
    Some((runtime_named(runtime)?, is_id(id).then_some(id)?))
}

fn runtime_named(word: &str) -> Option<Runtime> {
    match word {
        "docker" => Some(Runtime::Docker),
        "cri-containerd" | "containerd" | "nerdctl" => Some(Runtime::Containerd),
        "crio" => Some(Runtime::Crio),
        "libpod" => Some(Runtime::Podman),
        _ => None,
    }
}

/// Whose containers stand right below this part, without a word of their own.
fn runtime_above(above: &str) -> Runtime {
    match above {
        "docker" => Runtime::Docker,
        "libpod_parent" | "libpod" => Runtime::Podman,
        // containerd's namespaces.
        "k8s.io" | "moby" | "default" => Runtime::Containerd,
        _ => Runtime::Unknown,
    }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const OUTER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    const UID: &str = "2b2385b5-60a3-4d6b-a6c1-90b1f7a2f6f4";
    const UID_: &str = "2b2385b5_60a3_4d6b_a6c1_90b1f7a2f6f4";
    const HASH: &str = "0123456789abcdef0123456789abcdef";

    /// Layout, whose, and whether a pod's.
    const LAYOUTS: [(&str, Runtime, Option<&str>); 32] = [
        // Docker: cgroupfs, systemd, rootless.
        ("/docker/ID", Runtime::Docker, None),
        ("/system.slice/docker-ID.scope", Runtime::Docker, None),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            Runtime::Docker,
            None,
        ),
        // Its parent can be chosen.
        ("/builds/ID", Runtime::Unknown, None),
        // containerd: by itself, with nerdctl, under Kubernetes.
        ("/default/ID", Runtime::Containerd, None),
        ("/k8s.io/ID", Runtime::Containerd, None),
        ("/system.slice/nerdctl-ID.scope", Runtime::Containerd, None),
        ("/kubepods/burstable/podUID/ID", Runtime::Unknown, Some(UID)),
        ("/kubepods/besteffort/podUID/ID", Runtime::Unknown, Some(UID)),
        ("/kubepods/podUID/ID", Runtime::Unknown, Some(UID)),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/cri-containerd-ID.scope",
            Runtime::Containerd,
            Some(UID),
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice/cri-containerd-ID.scope",
            Runtime::Containerd,
            Some(UID),
        ),
        (
            "/kubepods.slice/kubepods-podUID_.slice/cri-containerd-ID.scope",
            Runtime::Containerd,
            Some(UID),
        ),
        (
            "/system.slice/containerd.service/kubepods-burstable-podUID_.slice:cri-containerd:ID",
            Runtime::Containerd,
            Some(UID),
        ),
        // Docker under Kubernetes.
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/docker-ID.scope",
            Runtime::Docker,
            Some(UID),
        ),
        // CRI-O: systemd, cgroupfs, and the group that it makes inside.
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/crio-ID.scope",
            Runtime::Crio,
            Some(UID),
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/crio-ID.scope/container",
            Runtime::Crio,
            Some(UID),
        ),
        ("/kubepods/besteffort/podUID/crio-ID", Runtime::Crio, Some(UID)),
        // Podman: as root, in a pod of its own, rootless, cgroupfs.
        ("/machine.slice/libpod-ID.scope", Runtime::Podman, None),
        ("/machine.slice/libpod-ID.scope/container", Runtime::Podman, None),
        ("/machine.slice/machine-libpod_pod_ID.slice/libpod-ID.scope", Runtime::Podman, None),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            Runtime::Podman,
            None,
        ),
        ("/libpod_parent/libpod-ID", Runtime::Podman, None),
        // A static pod's uid is a hash of its file.
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podHASH.slice/cri-containerd-ID.scope",
            Runtime::Containerd,
            Some(HASH),
        ),
        ("/kubepods/burstable/podHASH/ID", Runtime::Unknown, Some(HASH)),
        // kind: nodes are containers; the innermost one counts.
        ("/docker/OUTER/kubelet/kubepods/burstable/podUID/ID", Runtime::Unknown, Some(UID)),
        (
            "/system.slice/docker-OUTER.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-podUID_.slice/cri-containerd-ID.scope",
            Runtime::Containerd,
            Some(UID),
        ),
        // Seen from another cgroup namespace.
        (
            "/../../kubepods-burstable-podUID_.slice/cri-containerd-ID.scope",
            Runtime::Containerd,
            Some(UID),
        ),
        // systemd runs in the container.
        ("/docker/ID/system.slice/nginx.service", Runtime::Docker, None),
        ("/kubepods/podUID/ID/init.scope", Runtime::Unknown, Some(UID)),
        // ECS on machines of one's own.
        ("/ecs/HASH/ID", Runtime::Unknown, None),
        // Docker's containerd, where Docker leaves groups to it.
        ("/moby/ID", Runtime::Containerd, None),
    ];

    fn fill(layout: &str) -> String {
        let words = [("UID_", UID_), ("UID", UID), ("HASH", HASH), ("OUTER", OUTER), ("ID", ID)];
        // "ID" is in "UID": the longer word goes first, and is put out of its way.
        let marked = layout.replace("UID_", "\u{1}").replace("UID", "\u{2}");
        let filled = words[2..].iter().fold(marked, |text, (word, with)| text.replace(word, with));
        filled.replace('\u{1}', UID_).replace('\u{2}', UID)
    }

    #[test]
    fn every_layout_is_known() {
        for (layout, runtime, pod) in LAYOUTS {
            let path = fill(layout);
            let container = container(&path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(container.runtime, runtime, "{path}");
            assert_eq!(container.id, ID, "{path}");
            assert_eq!(container.pod.as_deref(), pod, "{path}");
        }
    }

    #[test]
    fn other_containers_have_names() {
        let of = |path| container(path).map(|container| (container.runtime, container.id));
        assert_eq!(of("/lxc/web"), Some((Runtime::Lxc, "web".into())));
        assert_eq!(of("/lxc.payload.web/init.scope"), Some((Runtime::Lxc, "web".into())));
        let machine = of("/machine.slice/machine-web.scope");
        assert_eq!(machine, Some((Runtime::Machine, "web".into())));
        let task = format!("/ecs/{HASH}/{HASH}-1234567890");
        assert_eq!(of(&task), Some((Runtime::Unknown, format!("{HASH}-1234567890"))));
    }

    #[test]
    fn services_sessions_and_monitors_are_no_containers() {
        let conmon = format!("/machine.slice/libpod-conmon-{ID}.scope");
        let crio = format!("/kubepods.slice/kubepods-pod{UID_}.slice/crio-conmon-{ID}.scope");
        let short = format!("/docker/{}", &ID[1..]);
        let pod = format!("/kubepods/burstable/pod{UID}");
        let not = [
            "/",
            "",
            "/init.scope",
            "/system.slice/nginx.service",
            "/user.slice/user-1000.slice/session-3.scope",
            "/system.slice/docker.service",
            "/kubepods.slice",
            "/system.slice/pod-cleanup.service",
            "/docker/not-an-id",
            &conmon,
            &crio,
            &short,
            &pod,
        ];
        for path in not {
            assert_eq!(container(path), None, "{path}");
        }
    }

    #[test]
    fn the_hierarchy_that_names_a_container_is_chosen() {
        let docker = format!("/docker/{ID}");
        let (path, container) = choose(["/", "/system.slice", docker.as_str()].into_iter());
        assert_eq!(path, Some(docker.as_str()));
        assert!(container.is_some());
        let (path, container) = choose(["/", "/system.slice/cron.service", "/x"].into_iter());
        assert_eq!((path, container), (Some("/system.slice/cron.service"), None));
    }

    #[test]
    fn ids_are_shown_short() {
        let container = container(&format!("/docker/{ID}")).unwrap();
        assert_eq!(container.short_id(), "0123456789ab");
        assert_eq!(super::container("/lxc/web").unwrap().short_id(), "web");
    }
}
