# syntax=docker/dockerfile:1
# The server in an image of its own: built with the lock file, run without root, data in /data.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin fanlight && cp target/release/fanlight /fanlight

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home fanlight
COPY --from=build /fanlight /usr/local/bin/fanlight
USER fanlight
VOLUME /data
EXPOSE 4567 4568
ENV FANLIGHT_LISTEN=0.0.0.0:4567 FANLIGHT_ADMIN_LISTEN=0.0.0.0:4568 FANLIGHT_DATA_DIR=/data
# Container engines keep io_uring from what they run unless their seccomp profile says otherwise; the server
# then drives the disk with threads, and says so when it starts.
ENTRYPOINT ["fanlight"]
CMD ["serve"]
