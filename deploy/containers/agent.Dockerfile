# The host agent as an image: docker build -f deploy/containers/agent.Dockerfile -t wrenn-agent .
# The context is the repository. The container must be privileged, in the host's network and process namespaces, with
# /var/lib/wrenn, /run/netns, /sys/fs/cgroup and /dev of the host: what it makes belongs to the host and outlives the container.
# Kernel and root disk are not in it: `wrenn-images` makes them in /var/lib/wrenn.
FROM debian:12-slim AS build
WORKDIR /src
COPY scripts/setup.sh scripts/setup.sh
RUN scripts/setup.sh --without-tests
COPY . .
RUN scripts/build.sh release && deploy/package.sh --out /package

FROM debian:12-slim
COPY --from=build /package /tmp/package
# With what the package recommends, since that makes kernel and root disk.
RUN apt-get update -qq \
 && printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
 && apt-get install -y -qq --no-install-recommends /tmp/package/wrenn_*.deb gcc libc6-dev lz4 mmdebstrap python3 xz-utils zstd \
 && rm -rf /var/lib/apt/lists/* /tmp/package
ENV LOG_FORMAT=json
EXPOSE 50051 50052
VOLUME /var/lib/wrenn
ENTRYPOINT ["/usr/bin/wrenn-agent"]
CMD ["serve"]
