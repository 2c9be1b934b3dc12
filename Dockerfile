# A statically linked program and nothing else. docs/operate.md says how it is built and run; tests/e2e/image.py runs
# what these lines put together.
#
#   docker build --build-arg COMMIT="$(git rev-parse --short=12 HEAD)" --tag thumbgate .
#   docker build --build-arg TARGET=aarch64-unknown-linux-gnu --tag thumbgate .    # on an ARM machine

FROM rust:1.95-bookworm AS build
ARG TARGET=x86_64-unknown-linux-gnu
# For `thumbgate --version`: the repository itself stays outside.
ARG COMMIT=unknown
ARG FEATURES=
ENV THUMBGATE_COMMIT=$COMMIT
# Else the TLS library spends 50 ms of each start on entropy that Linux has anyway.
ENV AWS_LC_SYS_NO_JITTER_ENTROPY=1
WORKDIR /src
COPY . .
# With --target the flags are not for build scripts and macros, which could not be loaded if they were static.
RUN RUSTFLAGS='-C target-feature=+crt-static' cargo build --profile dist --locked --target "$TARGET" --features "$FEATURES" \
    && mkdir --parents /image/data \
    && cp "target/$TARGET/dist/thumbgate" /image/thumbgate

FROM scratch
# Whom to trust at the other end of TLS, for S3.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /image/thumbgate /thumbgate
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /image/data /data
USER 65532:65532
# From outside the container, so that the start asks for API_KEYS, or for ALLOW_ANONYMOUS=true.
ENV LISTEN=0.0.0.0:8080 DATA_DIR=/data LOG_FORMAT=json
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/thumbgate", "health", "http://127.0.0.1:8080"]
ENTRYPOINT ["/thumbgate"]
CMD ["serve"]
