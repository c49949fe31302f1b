"""Checks the chart: lints it, renders it as it is installed in many ways, validates every object against
Kubernetes' own schemas, and looks whether each says what docs/HELM.md promises.

Usage: check.py [--write]    (--write makes deploy/manifests anew)

Helm is its own library (PyPI: helm-python-sdk), schemas are those of kubernetes-validate.
"""

import copy
import subprocess
import sys
from pathlib import Path

import helm_python as helm
import kubernetes_validate
import yaml

HERE = Path(__file__).parent
CHART = HERE / "callscope"
PLAIN = HERE.parent / "manifests" / "callscope.yaml"
KUBERNETES = ["1.25", "1.30", "1.33"]

# Kinds that others than Kubernetes define: what of them must be there.
OTHERS = {
    "PodMonitor": ["selector", "podMetricsEndpoints"],
    "SecurityContextConstraints": [],
}

OWN_SECRETS = {
    "certificates": {"create": False, "hubSecret": "hub-tls", "nodeSecret": "node-tls"},
    "tokens": {"create": False, "secret": "who"},
}

# What is installed in how many ways.
WAYS = {
    "as it comes": {},
    "for some namespaces": {"namespaces": ["shop", "bank"], "owners": ["argoproj.io/v1alpha1/rollouts/Rollout"]},
    "with secrets that are there": OWN_SECRETS,
    "all of it": {
        "image": {"repository": "registry.example/callscope", "digest": "sha256:" + "a" * 64},
        "imagePullSecrets": [{"name": "pull"}],
        "hub": {
            "hosts": ["calls.example"],
            "extraArgs": ["--answer-time=5"],
            "extraEnv": [{"name": "A", "value": "b"}],
            "nodeSelector": {"kubernetes.io/arch": "arm64"},
            "tolerations": [{"operator": "Exists"}],
            "podAnnotations": {"a": "b"},
            "podLabels": {"team": "x"},
            "priorityClassName": "system-cluster-critical",
            "service": {"type": "NodePort"},
        },
        "node": {
            "tls": True,
            "processes": True,
            "interfaces": ["eth0", "veth*"],
            "protocols": ["http", "dns"],
            "store": {"type": "hostPath"},
            "packets": {"keep": True, "size": "4Gi"},
            "sinkSecret": "engine",
            "extraEnv": [{"name": "A", "value": "b"}],
            "podLabels": {"team": "x"},
            "priorityClassName": "system-node-critical",
            "maxUnavailable": 1,
        },
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "host": "calls.example",
            "annotations": {"nginx.ingress.kubernetes.io/auth-url": "https://auth.example"},
            "tls": [{"hosts": ["calls.example"], "secretName": "calls"}],
        },
        "networkPolicy": {"webFrom": [{"namespaceSelector": {}}], "apiServer": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
        "openshift": {"enabled": True},
    },
    "with nothing that can be left out": {
        "serviceAccounts": {"create": False, "hub": "h", "node": "n"},
        "rbac": {"create": False},
        "networkPolicy": {"enabled": False},
        **OWN_SECRETS,
    },
}

# Values that the schema refuses.
WRONG = [
    {"node": {"store": {"size": "2GB"}}},
    {"node": {"store": {"type": "disk"}}},
    {"nodes": {}},
    {"image": {"digest": "sha256:1"}},
    {"namespaces": ["Shop"]},
    {"hub": {"service": {"port": 0}}},
    {"node": {"memory": "256Mi"}},
]


def main():
    lint()
    for name, values in WAYS.items():
        objects = render(values)
        valid(name, objects)
        promised(name, values, objects)
    schema()
    required()
    secrets()
    plain("--write" in sys.argv)
    installed()
    print(f"{len(WAYS)} ways to install it, Kubernetes {', '.join(KUBERNETES)}: all right")


def lint():
    for name, values in WAYS.items():
        report = helm.lint(str(CHART), values, strict=True, namespace="callscope")
        # A chart needs no picture.
        bad = [m for m in report["messages"] or [] if m["severity"] > 1]
        assert not bad and not report["errors"], f"{name}: {report}"


def render(values, name="callscope"):
    chart = helm.Chart.load(str(CHART))
    try:
        texts = chart.render(values, name=name, namespace="observe", is_install=True)
    finally:
        chart.close()
    texts = [text for path, text in sorted(texts.items()) if not path.endswith("NOTES.txt")]
    return [one for text in texts for one in yaml.safe_load_all(text) if one]


def valid(name, objects):
    assert objects, name
    keys = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
    assert len(keys) == len(set(keys)), f"{name}: {keys}"
    for one in objects:
        if one["kind"] in OTHERS:
            missing = [key for key in OTHERS[one["kind"]] if key not in one.get("spec", one)]
            assert not missing, f"{name}: {one['kind']} lacks {missing}"
            continue
        for version in KUBERNETES:
            kubernetes_validate.validate(one, version, strict=True)


def find(objects, kind, end=""):
    return [o for o in objects if o["kind"] == kind and o["metadata"]["name"].endswith(end)]


def promised(name, values, objects):
    [hub] = find(objects, "Deployment", "-hub")
    [node] = find(objects, "DaemonSet", "-node")
    for pod in (hub, node):
        spec = pod["spec"]["template"]["spec"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert not security.get("privileged")
            assert security["capabilities"]["drop"] == ["ALL"]
            assert {"requests", "limits"} <= set(container["resources"])
            mounts = {mount["name"] for mount in container["volumeMounts"]}
            assert mounts == {volume["name"] for volume in spec["volumes"]}, f"{name}: {mounts}"
        labels = pod["spec"]["template"]["metadata"]["labels"]
        assert pod["spec"]["selector"]["matchLabels"].items() <= labels.items()
    hub_spec, node_spec = (pod["spec"]["template"]["spec"] for pod in (hub, node))
    # The hub is nobody, and alone asks the API server.
    assert hub_spec["securityContext"]["runAsNonRoot"] is True
    assert "add" not in hub_spec["containers"][0]["securityContext"]["capabilities"]
    assert hub_spec["automountServiceAccountToken"] and not node_spec["automountServiceAccountToken"]
    assert not any("hostPath" in volume for volume in hub_spec["volumes"])
    # Nodes have no more than what was asked for needs.
    ours = values.get("node", {})
    deep = ours.get("tls") or ours.get("processes")
    added = node_spec["containers"][0]["securityContext"]["capabilities"]["add"]
    assert ("SYS_PTRACE" in added) == bool(deep) and "SYS_ADMIN" not in added, added
    assert added if deep else added == ["NET_RAW"]
    assert node_spec.get("hostPID", False) == bool(deep)
    paths = [volume["hostPath"]["path"] for volume in node_spec["volumes"] if "hostPath" in volume]
    on_machine = ours.get("store", {}).get("type") == "hostPath"
    assert paths == (["/var/lib/callscope"] if on_machine else []), paths
    for kind in ("Role", "ClusterRole"):
        for role in find(objects, kind):
            for rule in role["rules"]:
                assert rule["verbs"] == ["get", "list", "watch"], rule
                assert not {"secrets", "configmaps", "events", "pods/log", "pods/exec"} & set(rule["resources"])
    namespaces = values.get("namespaces", [])
    assert sorted(role["metadata"]["namespace"] for role in find(objects, "Role")) == sorted(namespaces)
    if namespaces:
        assert not find(objects, "ClusterRole")
        args = hub_spec["containers"][0]["args"]
        assert [f"--namespace={one}" in args for one in namespaces] == [True] * len(namespaces)
        assert not any("nodes" in rule["resources"] for role in find(objects, "Role") for rule in role["rules"])
    for secret in ("CALLSCOPE_NODE_SINK",):
        env = {one["name"]: one for one in node_spec["containers"][0]["env"]}
        assert (secret in env) == ("sinkSecret" in ours)
    assert bool(find(objects, "Ingress")) == values.get("ingress", {}).get("enabled", False)
    assert bool(find(objects, "PodMonitor")) == values.get("podMonitor", {}).get("enabled", False)


def schema():
    chart = helm.Chart.load(str(CHART))
    for values in WRONG:
        try:
            chart.validate_schema(values)
        except helm.HelmError:
            continue
        raise AssertionError(f"the schema takes {values}")
    chart.close()


def required():
    for values in ({"certificates": {"create": False}}, {"tokens": {"create": False}}, {"ingress": {"enabled": True}}):
        try:
            render(values)
        except helm.HelmError as error:
            assert "required" in str(error) or ":" in str(error)
            continue
        raise AssertionError(f"nothing is missing in {values}")


def secrets():
    """Certificates that the chart makes are of one authority, and tokens are not the same twice."""
    first, second = render({}), render({})
    [hub], [node] = find(first, "Secret", "-hub-certificates"), find(first, "Secret", "-node-certificates")
    assert hub["data"]["ca.crt"] == node["data"]["ca.crt"] and hub["data"]["tls.key"] != node["data"]["tls.key"]
    tokens = [find(objects, "Secret", "-tokens")[0]["data"]["tokens"] for objects in (first, second)]
    assert tokens[0] != tokens[1]


def plain(write):
    """The plain manifests are the chart, rendered with secrets that are there."""
    values = copy.deepcopy(OWN_SECRETS)
    values["certificates"].update(hubSecret="callscope-hub-certificates", nodeSecret="callscope-node-certificates")
    values["tokens"]["secret"] = "callscope-tokens"
    objects = render(values)
    for one in objects:
        one["metadata"].get("labels", {})["app.kubernetes.io/managed-by"] = "kubectl"
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = "callscope"
    text = yaml.safe_dump_all(objects, sort_keys=False, width=100)
    # The namespace that it is rendered for stands in names and addresses, too.
    text = text.replace("observe", "callscope")
    text = (
        "# What deploy/helm/callscope gives, for kubectl apply -f: made by deploy/helm/check.py --write.\n"
        "# The namespace and the Secrets must be there: docs/HELM.md says how to make them.\n" + text
    )
    if write:
        PLAIN.parent.mkdir(exist_ok=True)
        PLAIN.write_text(text)
    assert PLAIN.read_text() == text, "deploy/manifests is not what the chart gives: check.py --write"


def installed():
    """What `callscope install` would apply is what Kubernetes takes, and asks for no more than the chart."""
    program = HERE.parent.parent / "target" / "debug" / "callscope"
    if not program.exists():
        print("callscope is not built: what `callscope install` applies is not checked")
        return
    ways = {
        "install": ([], {}),
        "install in namespaces": (["--watch-namespace=shop", "--watch-namespace=bank"], {"namespaces": ["shop", "bank"]}),
        "install all of it": (
            ["--tls", "--on-host", "--keep-packets=1GiB", "--pull-secret=pull", "--host=calls.example", "--node-flag=--cpu-limit=0.5"],
            {"node": {"tls": True, "store": {"type": "hostPath"}}},
        ),
    }
    for name, (words, values) in ways.items():
        command = [program, "install", "--image=registry.example/callscope:1", "-n", "observe", "--dry-run", *words]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        objects = list(yaml.safe_load_all(text))
        valid(name, objects)
        promised(name, values, objects)


main()
