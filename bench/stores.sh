# Recordings of databases and brokers. Sourced by bench/record, which has the namespaces, `record` and
# `wait_for_size`. Each server is Debian's; what talks to it is its own load generator or a client from
# PyPI. No MongoDB and no Kafka server is in Debian: there the small servers of fixtures/record answer
# (MongoDB), or the mock cluster that librdkafka brings along (Kafka).

stores=(postgresql postgresql-prepared mysql mqtt amqp mongodb kafka)

need_store() { # program:package ...
    local pair missing=()
    for pair in "$@"; do command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}"); done
    [ ${#missing[@]} -eq 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

python_with() { # packages: a virtual environment of this recording
    [ -d "$tmp/venv" ] || python3 -m venv "$tmp/venv"
    "$tmp/venv/bin/pip" install -q "$@"
}

wait_store() { # port
    local try
    for try in $(seq 300); do
        in_c bash -c "exec 3<>/dev/tcp/$server_ip/$1" 2>/dev/null && return 0
        sleep 0.2
    done
    echo "bench/record: nobody listens on port $1" >&2
    return 1
}

run_until_full() { # seconds command...: in the client's namespace
    local seconds=$1
    shift
    ip netns exec "$C" timeout "$seconds" "$@" >"$tmp/load.log" 2>&1 &
    pids+=($!)
    wait_for_size $! "$seconds"
}

# --- PostgreSQL ------------------------------------------------------------

start_postgresql() {
    need_store pgbench:postgresql-contrib
    local bin
    bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
    install -d -o postgres "$tmp/pg" "$tmp/pgrun"
    (cd "$tmp" && setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/initdb" -D "$tmp/pg" -U ann -A trust >/dev/null)
    echo 'host all all 10.78.0.0/24 trust' >>"$tmp/pg/pg_hba.conf"
    ip netns exec "$S" setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/postgres" -D "$tmp/pg" \
        -c listen_addresses=$server_ip -c unix_socket_directories="$tmp/pgrun" -c fsync=off >"$tmp/pg.log" 2>&1 &
    store_pid=$!
    pids+=("$store_pid")
    wait_store 5432
    sleep 1
    in_c pgbench -q -h $server_ip -U ann -i -s 2 postgres >/dev/null 2>&1
}
load_pgbench() { # mode
    run_until_full 90 pgbench -n -S -M "$1" -h $server_ip -U ann -c 8 -j 1 -T 80 postgres
    calls=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$tmp/load.log")
}
load_postgresql() { load_pgbench simple; }
load_postgresql_prepared() { load_pgbench prepared; }

# --- MySQL -----------------------------------------------------------------

start_mysql() {
    need_store mariadbd:mariadb-server mariadb-slap:mariadb-client
    install -d -o mysql "$tmp/my"
    mariadb-install-db --no-defaults --user=mysql --datadir="$tmp/my" --auth-root-authentication-method=normal >/dev/null 2>&1
    ip netns exec "$S" mariadbd --no-defaults --user=mysql --datadir="$tmp/my" --socket="$tmp/my/s.sock" \
        --bind-address=$server_ip --innodb-flush-log-at-trx-commit=0 >"$tmp/my.log" 2>&1 &
    store_pid=$!
    pids+=("$store_pid")
    wait_store 3306
    sleep 0.5
    mariadb --no-defaults --socket="$tmp/my/s.sock" -u root <<'SQL'
CREATE DATABASE shop;
CREATE USER ann@'%';
GRANT ALL ON *.* TO ann@'%';
USE shop;
CREATE TABLE shop.items (id INT PRIMARY KEY, name VARCHAR(40), price DECIMAL(8,2), stock INT);
INSERT INTO shop.items SELECT seq, CONCAT('item ', seq), seq / 7, seq % 90 FROM seq_1_to_1000;
SQL
}
load_mysql() {
    local n query=''
    for n in 1 77 190 333 512 640 808 999; do
        query+="SELECT id, name, price FROM items WHERE id = $n;UPDATE items SET stock = stock + 1 WHERE id = $n;"
    done
    run_until_full 90 mariadb-slap --no-defaults -h $server_ip -u ann --create-schema=shop --no-drop --concurrency=6 \
        --number-of-queries=3000000 --query="$query" --delimiter=';'
    calls=0
}

# --- MQTT ------------------------------------------------------------------

start_mqtt() {
    need_store mosquitto:mosquitto mosquitto_pub:mosquitto-clients
    printf 'listener 1883 %s\nallow_anonymous true\nmax_queued_messages 0\n' $server_ip >"$tmp/mosquitto.conf"
    ip netns exec "$S" mosquitto -c "$tmp/mosquitto.conf" >"$tmp/mosquitto.log" 2>&1 &
    store_pid=$!
    pids+=("$store_pid")
    wait_store 1883
}
# Two publishers of QoS 0 and two of QoS 1, one subscriber of each.
load_mqtt() {
    run_until_full 60 bash -c "
        for q in 0 1; do
            mosquitto_sub -h $server_ip -q \$q -t 'house/+/\$q' >/dev/null &
            for n in 1 2; do
                seq -f 'temperature %g degrees in this room' 1 2000000 | mosquitto_pub -h $server_ip -q \$q -t \"house/room-\$n/\$q\" -l &
            done
        done
        wait"
    calls=0
    in_c true
    ip netns pids "$C" | grep -v "^$cap_pid\$" | xargs -r kill 2>/dev/null || true
}

# --- AMQP 0-9-1 ------------------------------------------------------------

start_amqp() {
    need_store rabbitmq-server:rabbitmq-server
    python_with 'pika==1.3.*'
    mkdir -p "$tmp/rabbit"
    printf 'listeners.tcp.1 = %s:5672\nloopback_users = none\n' $server_ip >"$tmp/rabbitmq.conf"
    ip netns exec "$S" env HOME="$tmp/rabbit" RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_CONFIG_FILE="$tmp/rabbitmq.conf" \
        RABBITMQ_MNESIA_BASE="$tmp/rabbit/mnesia" RABBITMQ_LOG_BASE="$tmp/rabbit/log" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$tmp/rabbit/plugins" /usr/lib/rabbitmq/bin/rabbitmq-server >"$tmp/rabbit.log" 2>&1 &
    store_pid=$!
    pids+=("$store_pid")
    wait_store 5672
    cat >"$tmp/amqp_load.py" <<'PY'
import sys, threading, pika
host = pika.ConnectionParameters(sys.argv[1])
def publish():
    ch = pika.BlockingConnection(host).channel()
    props = pika.BasicProperties(content_type="application/json", message_id="m-1", headers={"n": 1})
    n = 0
    while True:
        ch.basic_publish("", f"orders-{n % 4}", b'{"order": %d, "items": ["amber", "stone"]}' % n, props)
        n += 1
ch = pika.BlockingConnection(host).channel()
for n in range(4):
    ch.queue_declare(f"orders-{n}", arguments={"x-max-length": 1000})
ch.basic_qos(prefetch_count=200)
seen = 0
def got(ch, method, props, body):
    global seen
    seen += 1
    if seen % 20 == 0:
        ch.basic_ack(method.delivery_tag, multiple=True)
for n in range(4):
    ch.basic_consume(f"orders-{n}", got)
threading.Thread(target=publish, daemon=True).start()
ch.start_consuming()
PY
}
load_amqp() {
    run_until_full 90 "$tmp/venv/bin/python" "$tmp/amqp_load.py" $server_ip
    calls=0
}

# --- MongoDB ---------------------------------------------------------------

start_mongodb() {
    python_with pymongo==4.20.0 python-snappy==0.7.3 zstandard==0.25.0 backports.zstd
    ip netns exec "$S" "$tmp/venv/bin/python" fixtures/record/mongodb_server.py $server_ip >"$tmp/mongodb.log" 2>&1 &
    store_pid=$!
    pids+=("$store_pid")
    wait_store 27017
    cat >"$tmp/mongodb_load.py" <<'PY'
import sys, pymongo
client = pymongo.MongoClient(sys.argv[1], 27017, serverSelectionTimeoutMS=5000)
shop = client.shop
words = "amber river stone light paper glass north basket".split()
docs = [{"_id": n, "name": words[n % 8], "tags": words[: n % 8], "price": n / 7, "note": "x" * (n % 400)} for n in range(400)]
n = 0
while True:
    shop[f"orders{n % 50}"].insert_many([dict(doc, _id=n * 400 + doc["_id"]) for doc in docs])
    list(shop[f"orders{n % 50}"].find({"name": "amber"}).limit(50))
    shop[f"orders{n % 50}"].delete_many({})
    n += 1
PY
}
load_mongodb() {
    run_until_full 90 "$tmp/venv/bin/python" "$tmp/mongodb_load.py" $server_ip
    calls=0
}

# --- Kafka: the mock cluster listens on the loopback only -------------------

start_kafka() {
    python_with 'confluent-kafka==2.16.*'
    ip -n "$C" link set lo mtu 1500
    cat >"$tmp/kafka_load.py" <<'PY'
import json, sys
from confluent_kafka import Consumer, Producer
brokers = {"test.mock.num.brokers": 1}
producer = Producer({**brokers, "linger.ms": 5, "batch.num.messages": 500})
cluster = producer.list_topics(timeout=10)
host = f"{next(iter(cluster.brokers.values())).host}:{next(iter(cluster.brokers.values())).port}"
consumer = Consumer({"bootstrap.servers": host, "group.id": "g", "auto.offset.reset": "earliest"})
consumer.subscribe(["orders"])
n = 0
while True:
    for _ in range(1000):
        producer.produce("orders", json.dumps({"order": n, "note": "x" * (n % 900)}).encode(), key=str(n).encode())
        n += 1
    producer.flush(5)
    consumer.consume(1000, timeout=0.2)
PY
}
load_kafka() {
    run_until_full 60 "$tmp/venv/bin/python" "$tmp/kafka_load.py"
    calls=0
}

# ---------------------------------------------------------------------------

record_stores() {
    if has postgresql || has postgresql-prepared; then
        start_postgresql
        ! has postgresql || record postgresql load_postgresql
        ! has postgresql-prepared || record postgresql-prepared load_postgresql_prepared
        stop "$store_pid"
    fi
    local name
    for name in mysql mqtt amqp mongodb kafka; do
        has $name || continue
        store_pid=''
        start_$name
        [ $name != kafka ] || cap_iface=lo
        record $name load_$name
        cap_iface=eth0
        [ -z "$store_pid" ] || stop "$store_pid"
        # What a server leaves behind: RabbitMQ's epmd.
        ip netns pids "$S" | xargs -r kill 2>/dev/null || true
    done
}
