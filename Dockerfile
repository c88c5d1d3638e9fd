# syntax=docker/dockerfile:1
# The agent's image with a Docker engine: docker build -t ghcr.io/podmender/podmender:dev .
# The result is that of the project's own builder (which needs no engine): a static program, the CA list, nothing else, no shell.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
# The toolchain of this image is the one to use; rust-toolchain.toml would download it again.
ENV RUSTUP_TOOLCHAIN=1.95.0 \
    CARGO_TERM_COLOR=never \
    RUSTFLAGS="-C target-feature=+crt-static"
COPY . .
# Naming the target keeps build scripts and macros dynamic; only the program itself is static.
# The list of authorities comes from Debian, as glibc does.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    set -eu; \
    target="$(uname -m)-unknown-linux-gnu"; \
    cargo build --locked --release --package podmender --bin podmender --target "$target"; \
    mkdir -p /root-fs/etc/ssl/certs; \
    cp "target/$target/release/podmender" /root-fs/podmender; \
    cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/

FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="podmender" \
      org.opencontainers.image.description="Autonomous, namespace-scoped Kubernetes remediation agent" \
      org.opencontainers.image.source="https://github.com/podmender/podmender" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /root-fs/ /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/podmender"]
CMD ["run"]
