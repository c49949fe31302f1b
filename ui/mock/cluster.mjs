// Gives the recordings' bare addresses an invented cluster around them, in the shape of the output contract.

// recording, or recording/address: which workloads ask (a replica takes one of them), and which answer.
const PLACES = {
  shop: { '10.77.0.10': ['edge/gateway'], '10.77.0.2': ['shop/front-end'], '10.77.0.11': ['shop/users'],
    '10.77.0.12': ['shop/catalogue'], '10.77.0.20': ['data/session-cache!StatefulSet'], '10.77.0.53': ['kube-system/coredns'] },
  'http1-pipelined': { ask: ['edge/gateway', 'shop/front-end'], '10.77.1.2': ['shop/search'], '10.77.1.3': ['shop/recommendations'] },
  'http1-plain': { ask: ['shop/front-end', 'shop/checkout'], '10.77.1.2': ['shop/search'], '10.77.1.3': ['shop/shipping'], '10.77.1.4': ['edge/egress-proxy'] },
  http2: { ask: ['edge/gateway', 'shop/checkout'], '10.77.3.2': ['shop/search'], '10.77.3.3': ['shop/pricing'], '10.77.3.4': ['payments/ledger'], '10.77.3.5': ['edge/egress-proxy'] },
  'redis-pipelined': { ask: ['shop/catalogue', 'shop/recommendations'], answer: ['data/session-cache!StatefulSet'] },
  'redis-plain': { ask: ['shop/users', 'shop/checkout'], answer: ['data/session-cache!StatefulSet'] },
  dns: { ask: ['shop/front-end', 'payments/ledger', 'shop/users'], answer: ['kube-system/coredns'] },
  cassandra: { ask: ['shop/recommendations'], answer: ['data/events-store!StatefulSet'] },
  postgresql: { ask: ['shop/users', 'payments/ledger'], answer: ['data/accounts!StatefulSet'] },
  mysql: { ask: ['shop/catalogue'], answer: ['data/products!StatefulSet'] },
  mongodb: { ask: ['shop/cart'], answer: ['data/carts!StatefulSet'] },
  memcached: { ask: ['shop/search'], answer: ['data/page-cache'] },
  kafka: { ask: ['shop/checkout', 'payments/fraud'], answer: ['messaging/kafka!StatefulSet'] },
  nats: { ask: ['shop/shipping'], answer: ['messaging/nats!StatefulSet'], '10.77.2.20': ['messaging/nats!StatefulSet'], '10.77.2.21': ['messaging/nats!StatefulSet'] },
  amqp: { ask: ['shop/shipping', 'payments/invoices'], answer: ['messaging/rabbitmq!StatefulSet'] },
  amqp1: { ask: ['payments/invoices'], answer: ['messaging/rabbitmq!StatefulSet'] },
  mqtt: { ask: ['devices/telemetry'], answer: ['devices/mosquitto'] },
  grpc: { ask: ['shop/checkout'], answer: ['shop/orders'] },
  tonic: { ask: ['shop/checkout'], answer: ['payments/ledger'] },
  'tonic-many': { ask: ['shop/checkout', 'shop/cart'], answer: ['shop/pricing'] },
  browser: { ask: ['edge/gateway'], answer: ['shop/live-updates'] },
  tunnels: { ask: ['edge/gateway'], answer: ['shop/live-updates'] },
  quic: { ask: [null], answer: ['edge/gateway'] },
  tls: { ask: ['payments/ledger'], answer: [null] },
};
const OUTSIDE = { quic: 'visitor.example.net', tls: 'bank.example.com' };
const NODES = ['node-a', 'node-b', 'node-c'];

function hash(text) {
  let value = 2166136261;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619) >>> 0;
  return value;
}
const letters = (seed, count) => {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  let text = '';
  for (let i = 0; i < count; i++) { seed = Math.imul(seed ^ (seed >>> 13), 2654435761) >>> 0; text += alphabet[seed % alphabet.length]; }
  return text;
};

/** Who `party` is, of a call recorded in `recording`; `variant` chooses among workloads and pods. */
export function name(recording, party, asks, variant, spread = 0) {
  const place = PLACES[recording] ?? { ask: ['default/client'], answer: ['default/server'] };
  const named = place[party.ip] ?? (asks ? place.ask : place.answer) ?? ['default/unknown'];
  let chosen = named[variant % named.length];
  if (chosen === null) {
    return { ip: asks ? '203.0.113.' + (10 + variant % 40) : '198.51.100.7', port: party.port, name: OUTSIDE[recording], names: [OUTSIDE[recording]], evidence: ['dns'] };
  }
  let [path, kind = 'Deployment'] = chosen.split('!');
  let [namespace, workload] = path.split('/');
  if (spread) { const group = variant % spread; namespace = `${namespace}-${group % Math.ceil(spread / 3)}`; workload = `${workload}-${group}`; }
  const seed = hash(path + namespace);
  const ordinal = (variant * 7 + seed) % 3;
  const pod = kind === 'StatefulSet' ? `${workload}-${ordinal}` : `${workload}-${letters(seed, 10)}-${letters(seed + ordinal * 977, 5)}`;
  const ip = `10.${42 + (seed % 3)}.${seed % 200}.${10 + ordinal * 31}`;
  const peer = {
    ip, port: party.port, name: workload, namespace, pod, service: workload, workload: { kind, name: workload },
    node: NODES[(ordinal + seed) % 3], zone: 'eu-west-1' + 'abc'[(ordinal + seed) % 3],
    labels: { app: workload, 'app.kubernetes.io/part-of': namespace, version: 'v' + (1 + (seed % 4)) },
    container: workload, service_account: workload, evidence: ['pod-ip'],
  };
  if (!asks) peer.service_ip = `172.20.${seed % 250}.${seed % 199}`;
  if (seed % 3 !== 0) peer.process = { pid: 1200 + (seed % 4000), name: workload.slice(0, 15), path: `/usr/local/bin/${workload}` };
  return peer;
}
