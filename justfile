# Short names for what is done often: `just test`.

# What CI runs.
test:
    ./scripts/test

# Fuzzes all targets, or some: just fuzz 60 dissect
fuzz seconds="20" *targets:
    fuzz/run {{seconds}} {{targets}}

# Speed against tools that do the same.
bench:
    bench/run

# A recording in fixtures/ made again: just record shop (as root)
record name:
    fixtures/record/{{name}}.sh

# The documentation of all crates.
doc:
    cargo doc --workspace --no-deps --open

# Which crate may use which.
floors:
    cargo xtask floors

# A folder to start from.
new-protocol name:
    cargo xtask new-protocol {{name}}
