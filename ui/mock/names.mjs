// A cluster for the recordings' addresses, as `kubectl get pods,services -o json` would print it. All of it is invented.

// Workloads that only ask have no service.
const CLIENTS = true;
/** Address: namespace, workload, kind, port, node. */
const PODS = {
  '10.77.0.10': ['edge', 'gateway', 'Deployment', 8080, 'node-a'], '10.77.0.2': ['shop', 'front-end', 'Deployment', 80, 'node-a'],
  '10.77.0.11': ['shop', 'users', 'Deployment', 8080, 'node-b'], '10.77.0.12': ['shop', 'catalogue', 'Deployment', 8080, 'node-c'],
  '10.77.0.20': ['data', 'session-cache', 'StatefulSet', 6379, 'node-b'], '10.77.0.53': ['kube-system', 'coredns', 'Deployment', 53, 'node-a'],
  '10.77.1.10': ['shop', 'checkout', 'Deployment', 8080, 'node-c', CLIENTS], '10.77.1.2': ['shop', 'search', 'Deployment', 80, 'node-a'],
  '10.77.1.3': ['shop', 'shipping', 'Deployment', 8080, 'node-b'], '10.77.1.4': ['edge', 'egress-proxy', 'Deployment', 3128, 'node-a'],
  '10.77.2.10': ['shop', 'cart', 'Deployment', 8080, 'node-c', CLIENTS], '10.77.2.20': ['data', 'session-store', 'StatefulSet', 6379, 'node-b'],
  '10.77.2.21': ['messaging', 'nats', 'StatefulSet', 4222, 'node-c'], '10.77.2.30': ['data', 'accounts', 'StatefulSet', 5432, 'node-a'],
  '10.77.3.10': ['shop', 'storefront', 'Deployment', 8080, 'node-c', CLIENTS], '10.77.3.2': ['shop', 'pricing', 'Deployment', 8080, 'node-b'],
  '10.77.3.3': ['payments', 'ledger', 'Deployment', 8080, 'node-a'], '10.77.3.4': ['shop', 'orders', 'Deployment', 50051, 'node-b'],
  '10.77.3.5': ['edge', 'mesh-proxy', 'Deployment', 8080, 'node-a'], '10.77.3.53': ['kube-system', 'name-cache', 'DaemonSet', 53, 'node-c'],
  '10.77.5.10': ['shop', 'recommendations', 'Deployment', 8080, 'node-a', CLIENTS], '10.77.5.2': ['shop', 'models', 'Deployment', 50051, 'node-b'],
  '10.77.6.10': ['payments', 'invoices', 'Deployment', 8080, 'node-b', CLIENTS], '10.77.6.2': ['shop', 'stock', 'Deployment', 50051, 'node-a'],
  '10.77.6.20': ['data', 'page-cache', 'Deployment', 11211, 'node-c'], '10.77.7.10': ['edge', 'browser-farm', 'Deployment', 8080, 'node-c', CLIENTS],
  '10.77.7.2': ['shop', 'live-updates', 'Deployment', 443, 'node-a'], '10.77.7.20': ['data', 'carts', 'StatefulSet', 27017, 'node-b'],
};

const hash = text => [...text].reduce((sum, char) => Math.imul(sum ^ char.charCodeAt(0), 16777619) >>> 0, 2166136261);
const letters = (seed, count) => Array.from({ length: count }, (_, i) => 'bcdfghjklmnpqrstvwxz2456789'[(seed >>> i) % 27]).join('');

export function cluster() {
  const items = [];
  for (const [ip, [namespace, workload, kind, port, node, asks]] of Object.entries(PODS)) {
    const seed = hash(namespace + workload), template = letters(seed, 10);
    const name = kind === 'StatefulSet' ? `${workload}-0` : kind === 'DaemonSet' ? `${workload}-${letters(seed * 7, 5)}` : `${workload}-${template}-${letters(seed * 7, 5)}`;
    const owner = kind === 'Deployment' ? { kind: 'ReplicaSet', name: `${workload}-${template}` } : { kind, name: workload };
    const labels = { app: workload, 'app.kubernetes.io/part-of': namespace, version: `v${1 + (seed % 4)}`, ...(kind === 'Deployment' ? { 'pod-template-hash': template } : {}) };
    items.push({
      apiVersion: 'v1', kind: 'Pod',
      metadata: { name, namespace, uid: `pod-${ip}`, creationTimestamp: '2026-11-01T08:00:00Z', labels, ownerReferences: [{ apiVersion: 'apps/v1', controller: true, uid: `owner-${ip}`, ...owner }] },
      spec: { nodeName: node, serviceAccountName: workload, containers: [{ name: workload, ports: [{ containerPort: port }] }] },
      status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], startTime: '2026-11-01T08:00:01Z' },
    });
    if (!asks) items.push({ apiVersion: 'v1', kind: 'Service', metadata: { name: workload, namespace, uid: `service-${ip}`, creationTimestamp: '2026-11-01T08:00:00Z' }, spec: { clusterIP: `172.20.${seed % 250}.${1 + (seed % 199)}`, clusterIPs: [`172.20.${seed % 250}.${1 + (seed % 199)}`], selector: { app: workload }, ports: [{ port, targetPort: port, protocol: 'TCP' }] } });
  }
  return { apiVersion: 'v1', kind: 'List', items };
}
