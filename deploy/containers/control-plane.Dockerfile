# The control plane as an image: docker build -f deploy/containers/control-plane.Dockerfile -t wrenn-cp .
# The context is the repository. It runs without privileges, and needs a directory of its own at /var/lib/wrenn/control (SQLite)
# or WRENN_DATABASE_URL (PostgreSQL).
FROM debian:12-slim AS build
WORKDIR /src
COPY scripts/setup.sh scripts/setup.sh
# clang 19 is in bookworm itself.
RUN scripts/setup.sh --without-tests
COPY . .
RUN scripts/build.sh release \
 && strip --strip-unneeded -o /wrenn-cp builds/wrenn-cp \
 && mkdir -p debian && printf 'Source: wrenn\nMaintainer: nobody\n\nPackage: wrenn\nArchitecture: amd64\n' >debian/control \
 && dpkg-shlibdeps -O /wrenn-cp | sed -n 's/^shlibs:Depends=//p' | tr ',' '\n' | sed 's/ *(.*//; s/|.*//; s/ //g' >/packages

FROM debian:12-slim
COPY --from=build /packages /tmp/packages
RUN apt-get update -qq \
 && xargs -a /tmp/packages apt-get install -y -qq --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* /tmp/packages \
 # The number by which an agent knows the control plane at its socket; a host over the network knows it by a certificate.
 && groupadd --gid 1879099000 wrenn \
 && useradd --uid 1879099000 --gid 1879099000 --no-log-init --no-create-home --home-dir /var/lib/wrenn/control --shell /usr/sbin/nologin wrenn \
 && install -d -m 0755 /var/lib/wrenn && install -d -m 0700 -o wrenn -g wrenn /var/lib/wrenn/control
COPY --from=build /wrenn-cp /usr/bin/wrenn-cp
USER 1879099000:1879099000
ENV WRENN_CP_LISTEN_ADDR=0.0.0.0:8080 WRENN_CP_PROXY_LISTEN_ADDR=0.0.0.0:8081 \
    SQLITE_TMPDIR=/var/lib/wrenn/control LOG_FORMAT=json
EXPOSE 8080 8081
VOLUME /var/lib/wrenn/control
# No shell in between, so that SIGTERM ends it in order.
ENTRYPOINT ["/usr/bin/wrenn-cp"]
CMD ["serve"]
