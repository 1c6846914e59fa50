# syntax=docker/dockerfile:1
# The server in an image of its own: built with the lock file, run without root, data in /data.
#
#   docker build --tag fanlight .
#   docker run --publish 4567:4567 --volume fanlight:/data --stop-timeout 30 \
#       --security-opt seccomp=docs/deploy/seccomp.json fanlight
#
# `seccomp`: since Docker 25 (and containerd 2) the default profile refuses io_uring. The one named here is that
# default and the three calls of io_uring. Without it the server says so in its log and drives the disk with threads
# (`I/O pwritev2` in the start-up line): the same guarantees, a thread hop more for each commit.
# `stop-timeout`: a clean stop may take 20 s, and Docker's own patience is 10. Cut short, nothing is lost.
FROM rust:1.95-bookworm AS build
WORKDIR /build
# The dependencies first, with stand-ins for the code: this layer lasts until the lock file changes.
COPY Cargo.toml Cargo.lock ./
COPY loadtest/Cargo.toml loadtest/
RUN mkdir -p src loadtest/src tests benches \
    && sed -n '/^\[\[test\]\]/{n;s|name = "\(.*\)"|tests/\1.rs|p};/^\[\[bench\]\]/{n;s|name = "\(.*\)"|benches/\1.rs|p}' \
        Cargo.toml > stand-ins && xargs touch < stand-ins && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs && cp src/main.rs loadtest/src/main.rs \
    && cargo build --release --locked --bin fanlight
COPY src src
# Touched, because the files of a checkout may be older than the stand-ins just compiled.
RUN touch src/lib.rs src/main.rs && cargo build --release --locked --bin fanlight

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="fanlight" \
      org.opencontainers.image.description="A durable, self-hosted Kinesis Data Streams server" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin fanlight \
    && install --directory --owner=fanlight --group=fanlight --mode=0750 /data
COPY --from=build /build/target/release/fanlight /usr/local/bin/fanlight
# By number: Kubernetes can tell only of a number that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 4567 4568
ENV FANLIGHT_LISTEN=0.0.0.0:4567 FANLIGHT_ADMIN_LISTEN=0.0.0.0:4568 FANLIGHT_DATA_DIR=/data
STOPSIGNAL SIGTERM
# Healthy once records are taken: for `depends_on` and the like. The image has no curl, but bash opens sockets. Where
# an unhealthy container is restarted (Swarm), ask /healthz: a full disk is not cured by a restart, and reads go on.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${FANLIGHT_ADMIN_LISTEN##*:} && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["fanlight"]
CMD ["serve"]
